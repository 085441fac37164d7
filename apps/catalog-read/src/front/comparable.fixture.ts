/** An answer without what differs between any two: the time, how many requests are left, and an id that the service made. */
export const comparable = (text: string): string =>
  text
    .replace(/^Date: .*$/m, 'Date: now')
    .replace(/^Age: \d+\r$/m, 'Age: some\r')
    .replace(/r=\d+;t=\d+/, 'r=some;t=some')
    .replace(
      /^Content-Length: .*((?:\r\n.+)*)\r\nX-Request-Id: (?!same).*$/m,
      'Content-Length: some$1\r\nX-Request-Id: made',
    )
    .replace(/"requestId":"(?!same)[^"]*"/, '"requestId":"made"');
