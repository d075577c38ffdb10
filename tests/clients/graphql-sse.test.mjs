// Server-sent events in distinct connections mode, with graphql-sse.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient } from "graphql-sse";
import { PATIENCE, assertGoesOnAfterRestart } from "./restart.mjs";
import {
  KEY, TIME_LIMIT, UPLOAD_BASE64, URL_WITH_KEY, WATCH, assertSettled, base64Photo, collect, createContainer,
} from "./support.mjs";

const connect = ({ url = URL_WITH_KEY, key = KEY, ...options } = {}) =>
  createClient({ url, headers: { "x-api-key": key }, retryAttempts: 0, ...options });

test("graphql-sse: a query succeeds", TIME_LIMIT, async () => {
  const answers = await collect(connect().iterate({ query: "{ service { ready } }" }));
  assert.deepEqual(answers, [{ data: { service: { ready: true } } }]);
});

test("graphql-sse: an upload is followed to its end", TIME_LIMIT, async () => {
  const client = connect();
  const container = await createContainer();
  const seen = collect(client.iterate({ query: WATCH, variables: { container } }));
  const variables = { container, base64: base64Photo() };
  const [{ data }] = await collect(client.iterate({ query: UPLOAD_BASE64, variables }));
  assertSettled((await seen).map(({ data }) => data.imageStatusChanged), data.uploadImage.image);
});

test("graphql-sse: a subscription continues after the server restarts", TIME_LIMIT, (t) =>
  assertGoesOnAfterRestart(t, (url) => connect({ url, ...PATIENCE })),
);

test("graphql-sse: a wrong key is refused", TIME_LIMIT, async () => {
  const answers = collect(connect({ key: "not-the-key-of-acme" }).iterate({ query: "{ __typename }" }));
  await assert.rejects(answers, (error) => error.response.status === 401);
});
