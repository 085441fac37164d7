import { CatalogError, type FieldError } from '@catalog/contracts';
import { DatabaseError } from 'pg';

/** What each constraint of the schema says to a client. A test compares the names with those of Postgres. */
export const violations: Readonly<Record<string, FieldError>> = {
  products_sku_unique: field('sku', 'taken', 'belongs to another product'),
  products_sku_format: field(
    'sku',
    'invalid',
    'must be 1 to 64 printable ASCII characters that neither start nor end with a space',
  ),
  products_name_length: field(
    'name',
    'invalid',
    'must have 1 to 300 characters, none of them a control character, and not be blank',
  ),
  products_description_length: field(
    'description',
    'invalid',
    'must have at most 10000 characters, none of them a control character',
  ),
  products_brand_length: field(
    'brand',
    'invalid',
    'must have 1 to 200 characters, none of them a control character, and not be blank',
  ),
  products_category_length: field(
    'category',
    'invalid',
    'must have 1 to 200 characters, none of them a control character, and not be blank',
  ),
  products_gtin_check_digit: field(
    'gtin',
    'invalid',
    'must be 8, 12, 13 or 14 digits with a valid GS1 check digit',
  ),
  products_weight_grams_range: field('weightGrams', 'out_of_range', 'must be 0 or more'),
  products_length_mm_range: field('lengthMm', 'out_of_range', 'must be 1 to 100000'),
  products_width_mm_range: field('widthMm', 'out_of_range', 'must be 1 to 100000'),
  products_height_mm_range: field('heightMm', 'out_of_range', 'must be 1 to 100000'),
  products_price_minor_range: field('priceMinor', 'out_of_range', 'must be 0 to 9007199254740991'),
  products_currency_known: field('currency', 'invalid', 'must be a currency of ISO 4217, such as EUR'),
  products_status_known: field('status', 'invalid', 'must be draft, active or archived'),
  products_attributes_flat: field(
    'attributes',
    'invalid',
    'must be a flat object of strings of at most 1000 characters, finite numbers and booleans',
  ),
  settings_store_name_length: field(
    'storeName',
    'invalid',
    'must have 1 to 200 characters, none of them a control character, and not be blank',
  ),
  settings_store_name_one_line: field('storeName', 'invalid', 'must be one line'),
  settings_support_email_form: field('supportEmail', 'invalid', 'must be an e-mail address'),
  settings_support_email_length: field('supportEmail', 'too_long', 'must have at most 254 characters'),
  settings_default_currency_known: field(
    'defaultCurrency',
    'invalid',
    'must be a currency of ISO 4217, such as EUR',
  ),
  settings_low_stock_threshold_range: field('lowStockThreshold', 'out_of_range', 'must be 0 to 1000000'),
};

function field(name: string, code: string, message: string): FieldError {
  return { pointer: `/${name}`, code, message };
}

/** For `catch`: throws the error that the client gets for a refusal of Postgres, and other errors unchanged. */
export function throwToClient(error: unknown): never {
  throw catalogErrorFor(error) ?? error;
}

/** The CatalogError for an error of Postgres; undefined if the request did not cause it. */
export function catalogErrorFor(error: unknown): CatalogError | undefined {
  if (!(error instanceof DatabaseError)) return undefined;
  const violation = error.constraint === undefined ? undefined : violations[error.constraint];
  if (violation !== undefined) {
    const code = violation.code === 'taken' ? 'sku_taken' : 'invalid_request';
    return new CatalogError(code, `${violation.pointer?.slice(1)} ${violation.message}`, {
      errors: [violation],
      cause: error,
    });
  }
  switch (error.code) {
    case '23502':
      // The schema of the request let a null through that the column refuses.
      return new CatalogError('invalid_request', 'a required field is null', {
        errors: [
          { pointer: `/${camelCase(error.column ?? '')}`, code: 'required', message: 'must not be null' },
        ],
        cause: error,
      });
    // serialization_failure and deadlock_detected; the caller can try again.
    case '40001':
    case '40P01':
      return new CatalogError('busy', 'another transaction is changing the same rows', { cause: error });
    // lock_not_available: a change of the row, or a migration that has locked the table.
    case '55P03':
      return new CatalogError('busy', 'another transaction holds a lock on the row or on its table', {
        cause: error,
      });
    default:
      return undefined;
  }
}

function camelCase(column: string): string {
  return column.replaceAll(/_([a-z])/g, (_match, letter: string) => letter.toUpperCase());
}
