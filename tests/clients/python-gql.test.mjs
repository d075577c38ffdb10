// gql, the Python client: uploads over aiohttp, subscriptions over websockets.

import { join } from "node:path";
import { test } from "node:test";
import {
  CLIENTS, KEY, PHOTO, TIME_LIMIT, UPLOAD, URL_WITH_KEY, WATCH, assertSettled, createContainer, run, socketUrl,
} from "./support.mjs";

test("gql for Python: an upload is followed to its end", TIME_LIMIT, async () => {
  const task = {
    url: URL_WITH_KEY,
    socketUrl: socketUrl(URL_WITH_KEY),
    key: KEY,
    container: await createContainer(),
    upload: UPLOAD,
    watch: WATCH,
    photo: PHOTO,
    // By default it also offers an older protocol. It recognises the server's choice only by a header spelled
    // `Sec-WebSocket-Protocol`, although header names are case-insensitive, and otherwise speaks the older protocol.
    subprotocols: ["graphql-transport-ws"],
  };
  const python = join(CLIENTS, ".venv/bin/python");
  const { uploaded, states } = JSON.parse(await run(python, [join(CLIENTS, "python_gql.py"), JSON.stringify(task)]));
  assertSettled(states, uploaded);
});
