import { printable, type ImportError } from '@catalog/contracts';
import { importLimits } from './limits.ts';

/** The only way to make an error of an import: names and values of the file become storable and printable here. */
export const importError = (
  line: number,
  field: string | null,
  code: string,
  message: string,
): ImportError => ({
  line,
  field: field === null ? null : printable(field, importLimits.errorField_chars),
  code,
  message: printable(message, importLimits.errorMessage_chars),
});
