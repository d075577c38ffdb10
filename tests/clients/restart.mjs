// What a subscriber must receive when a server stops and restarts.

import assert from "node:assert/strict";
import { KEY, createContainer, startServer, uploadByFetch } from "./support.mjs";

const WATCH_ON = "subscription ($container: ID!) { imageStatusChanged(containerId: $container) { id status } }";

/** `connect(url)` creates a client that reconnects; `iterate` and `dispose` are those of graphql-ws and graphql-sse. */
export async function assertGoesOnAfterRestart(t, connect) {
  let server = await startServer({ key: KEY });
  const client = connect(server.url);
  t.after(async () => {
    await client.dispose();
    await server.stop();
  });
  const container = await createContainer(server.url);
  const states = client.iterate({ query: WATCH_ON, variables: { container } });
  const first = await uploadByFetch(container, server.url);
  await until(states, ({ id, status }) => id === first.id && status === "COMPLETED");

  await server.stop();
  server = await startServer({ key: KEY, listen: server.address, folder: server.folder });

  await until(states, ({ id }) => id === first.id);
  const second = await uploadByFetch(container, server.url);
  await until(states, ({ id, status }) => id === second.id && status === "COMPLETED");
}

/** For clients: the delay before the next attempt, and the number of attempts. */
export const PATIENCE = {
  retryWait: () => new Promise((resolve) => setTimeout(resolve, 200)),
  retryAttempts: Infinity,
};

/** Reads until the first state that is `wanted`, and leaves the subscription open. */
async function until(states, wanted) {
  for (;;) {
    const { value, done } = await states.next();
    assert.ok(!done, "the subscription ended");
    if (wanted(value.data.imageStatusChanged)) return;
  }
}
