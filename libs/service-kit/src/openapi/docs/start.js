/** Runs in the browser: shows the document of this service, and sends what a person tries. */
// oxlint-disable-next-line typescript/no-unsafe-call -- the script before this one defines it
SwaggerUIBundle({
  url: 'openapi.json',
  dom_id: '#api',
  deepLinking: true,
  // Limits of parameters: lengths, patterns, ranges.
  showCommonExtensions: true,
  displayRequestDuration: true,
  // Schemas stand beside the calls that use them.
  defaultModelsExpandDepth: -1,
  // It would send the document to another host.
  validatorUrl: null,
});
