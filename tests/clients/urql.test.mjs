// urql: uploads with its fetch exchange, subscriptions over a WebSocket or as server-sent events.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Client, fetchExchange, subscriptionExchange } from "@urql/core";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import {
  KEY, TIME_LIMIT, UPLOAD, URL_WITH_KEY, WATCH, assertSettled, createContainer, photo, socketUrl,
} from "./support.mjs";

const headers = { "x-api-key": KEY };

test("urql: an upload is followed to its end over a WebSocket", TIME_LIMIT, async (t) => {
  const socket = createClient({ url: socketUrl(URL_WITH_KEY), webSocketImpl: WebSocket, connectionParams: headers });
  t.after(() => socket.dispose());
  const forwardSubscription = ({ query, variables }) => ({
    subscribe: (sink) => ({ unsubscribe: socket.subscribe({ query, variables }, sink) }),
  });
  await uploadAndFollow({ exchanges: [subscriptionExchange({ forwardSubscription }), fetchExchange] });
});

test("urql: an upload is followed to its end by server-sent events", TIME_LIMIT, async () => {
  await uploadAndFollow({ exchanges: [fetchExchange], fetchSubscriptions: true });
});

async function uploadAndFollow(options) {
  const client = new Client({ url: URL_WITH_KEY, fetchOptions: { headers }, ...options });
  const container = await createContainer();
  const seen = states(client.subscription(WATCH, { container }));
  const { data, error } = await client.mutation(UPLOAD, { container, file: photo() });
  assert.equal(error, undefined);
  assertSettled(await seen, data.uploadImage.image);
}

function states(source) {
  const all = [];
  return new Promise((resolve, reject) => {
    source.subscribe(({ data, error, hasNext }) => {
      if (error) reject(error);
      // urql reports the end by repeating the last result.
      else if (hasNext) all.push(data.imageStatusChanged);
      else resolve(all);
    });
  });
}
