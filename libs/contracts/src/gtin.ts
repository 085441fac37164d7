/**
 * GS1 check digit: from the right, digits weigh 3, 1, 3, … and the check digit brings the sum to a
 * multiple of ten (GS1 General Specifications, 7.9.1).
 */
export function isValidGtin(gtin: string): boolean {
  if (!/^(?:\d{8}|\d{12}|\d{13}|\d{14})$/.test(gtin)) return false;
  let sum = 0;
  for (let fromRight = 0; fromRight < gtin.length; fromRight++) {
    const digit = gtin.charCodeAt(gtin.length - 1 - fromRight) - 48;
    sum += fromRight % 2 === 0 ? digit : digit * 3;
  }
  return sum % 10 === 0;
}
