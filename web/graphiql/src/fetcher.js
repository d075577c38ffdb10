// How GraphiQL speaks to the server: JSON for most, a multipart request where files go along, graphql-ws for
// subscriptions. The key comes from the header editor and is kept nowhere but in this page's memory.

import { createGraphiQLFetcher } from '@graphiql/toolkit';
import { parse } from 'graphql';

import { multipartBody, uploadVariables } from './uploads.js';

const url = new URL('/graphql', location.href);
const subscriptionUrl = new URL(url);
subscriptionUrl.protocol = url.protocol.replace('http', 'ws');

const KEYS = ['x-api-key', 'authorization'];

/** The key that a header editor named last. Each tab has an editor of its own, and one key serves them all. */
let lastKey = {};

const plain = createGraphiQLFetcher({ url: url.href, subscriptionUrl: subscriptionUrl.href });

/** GraphiQL's fetcher. */
export async function fetcher({ operationName, ...rest }, options = {}) {
  const document = parse(rest.query);
  // Just after a change of tabs GraphiQL may still name the operation of the former one.
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
      // Shows the server that no foreign page sends the form: a browser would have asked it first.
      'Apollo-Require-Preflight': '1',
    },
    body: multipartBody(parameters, uploads),
  });
  return response.json();
}

/** The headers of an editor; where they name no key, with the last one. An empty value takes a header out. */
function withKey(headers) {
  const isKey = ([name]) => KEYS.includes(name.toLowerCase());
  const filled = Object.entries(headers).filter(([, value]) => value !== '');
  if (Object.entries(headers).some(isKey)) lastKey = Object.fromEntries(filled.filter(isKey));
  return { ...lastKey, ...Object.fromEntries(filled) };
}
