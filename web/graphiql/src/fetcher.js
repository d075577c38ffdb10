// Sends GraphiQL's operations to the server: as JSON, as a multipart request if there are files, and subscriptions by
// graphql-ws. The API key is read from the header editor and only kept in this page's memory.

import { createGraphiQLFetcher } from '@graphiql/toolkit';
import { parse } from 'graphql';

import { multipartBody, uploadVariables } from './uploads.js';

const url = new URL('/graphql', location.href);
const subscriptionUrl = new URL(url);
subscriptionUrl.protocol = url.protocol.replace('http', 'ws');

const KEYS = ['x-api-key', 'authorization'];

/** The key entered last in any header editor. Each tab has its own editor; this key is used for all tabs. */
let lastKey = {};

const plain = createGraphiQLFetcher({ url: url.href, subscriptionUrl: subscriptionUrl.href });

/** GraphiQL's fetcher. */
export async function fetcher({ operationName, ...rest }, options = {}) {
  const document = parse(rest.query);
  // Just after a change of tabs, GraphiQL may still pass the operation name of the previous tab.
  const isThere = document.definitions.some((definition) => definition.name?.value === operationName);
  const parameters = isThere ? { ...rest, operationName } : rest;
  const headers = withKey(options.headers ?? {});
  const uploads = uploadVariables(document, parameters.operationName);
  if (uploads.length > 0) return upload(parameters, uploads, headers);
  return plain(parameters, { ...options, headers });
}

async function upload(parameters, uploads, headers) {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      accept: 'application/graphql-response+json, application/json;q=0.9',
      ...headers,
      // CSRF protection: a browser sends this header from a foreign page only after a preflight request.
      'Apollo-Require-Preflight': '1',
    },
    body: multipartBody(parameters, uploads),
  });
  return response.json();
}

/** The headers of an editor, with the last key if they contain none. A header with an empty value is not sent. */
function withKey(headers) {
  const isKey = ([name]) => KEYS.includes(name.toLowerCase());
  const filled = Object.entries(headers).filter(([, value]) => value !== '');
  if (Object.entries(headers).some(isKey)) lastKey = Object.fromEntries(filled.filter(isKey));
  return { ...lastKey, ...Object.fromEntries(filled) };
}
