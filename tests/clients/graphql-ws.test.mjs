// graphql-transport-ws, with graphql-ws.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { PATIENCE, assertGoesOnAfterRestart } from "./restart.mjs";
import {
  KEY, TIME_LIMIT, UPLOAD_BASE64, URL_WITH_KEY, WATCH, assertSettled, base64Photo, collect, createContainer, socketUrl,
} from "./support.mjs";

const connect = (url, options) => createClient({ url: socketUrl(url), webSocketImpl: WebSocket, ...options });

const connectionParams = { "x-api-key": KEY };

test("graphql-ws: a query succeeds", TIME_LIMIT, async (t) => {
  const client = connect(URL_WITH_KEY, { connectionParams });
  t.after(() => client.dispose());
  const answers = await collect(client.iterate({ query: "{ service { ready } }" }));
  assert.deepEqual(answers, [{ data: { service: { ready: true } } }]);
});

test("graphql-ws: an upload is followed to its end", TIME_LIMIT, async (t) => {
  const client = connect(URL_WITH_KEY, { connectionParams });
  t.after(() => client.dispose());
  const container = await createContainer();
  const seen = collect(client.iterate({ query: WATCH, variables: { container } }));
  const variables = { container, base64: base64Photo() };
  const [{ data }] = await collect(client.iterate({ query: UPLOAD_BASE64, variables }));
  assertSettled((await seen).map(({ data }) => data.imageStatusChanged), data.uploadImage.image);
});

test("graphql-ws: an invalid document gives an error, and the socket stays open", TIME_LIMIT, async (t) => {
  const client = connect(URL_WITH_KEY, { connectionParams, lazy: false });
  t.after(() => client.dispose());
  await assert.rejects(collect(client.iterate({ query: "{ nothing }" })), (errors) => {
    assert.equal(errors[0].extensions.code, "GRAPHQL_VALIDATION_FAILED");
    return true;
  });
  assert.equal((await collect(client.iterate({ query: "{ __typename }" }))).length, 1);
});

test("graphql-ws: a subscription continues after the server restarts", TIME_LIMIT, async (t) => {
  const closed = [];
  const on = { closed: ({ code }) => closed.push(code) };
  await assertGoesOnAfterRestart(t, (url) => connect(url, { connectionParams, on, ...PATIENCE }));
  assert.equal(closed[0], 1001);
});

test("graphql-ws: a wrong key closes the socket with 4403", TIME_LIMIT, async (t) => {
  const connectionParams = { "x-api-key": "not-the-key-of-acme" };
  const client = connect(URL_WITH_KEY, { connectionParams, retryAttempts: 0 });
  t.after(() => client.dispose());
  await assert.rejects(collect(client.iterate({ query: "{ __typename }" })), { code: 4403, reason: "Forbidden" });
});
