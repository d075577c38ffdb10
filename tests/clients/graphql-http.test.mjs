// GraphQL over HTTP, checked by the audits of graphql-http and by its client.

import assert from "node:assert/strict";
import { test } from "node:test";
import { auditServer, createClient } from "graphql-http";
import { TIME_LIMIT, URL_WITHOUT_KEY } from "./support.mjs";

test("graphql-http: every audit passes", TIME_LIMIT, async () => {
  const audits = await auditServer({ url: URL_WITHOUT_KEY });
  const failed = audits.filter((audit) => audit.status !== "ok");
  assert.deepEqual(failed.map(({ id, name, reason }) => `${id} ${name}: ${reason}`), []);
  assert.ok(audits.length > 50, `${audits.length} audits`);
});

test("graphql-http: a failed nullable field is null", TIME_LIMIT, async () => {
  const { data, errors } = await ask(`{ service { ready } container(id: "image_x") { id } }`);
  assert.equal(errors[0].extensions.code, "INVALID_ID");
  assert.deepEqual(data, { service: { ready: true }, container: null });
});

test("graphql-http: a failed non-null field leaves no data", TIME_LIMIT, async () => {
  const { data, errors } = await ask("{ service { ready } containers(first: 1000) { totalCount } }");
  assert.equal(errors[0].extensions.code, "BAD_USER_INPUT");
  assert.equal(data, null);
});

function ask(query) {
  const client = createClient({ url: URL_WITHOUT_KEY });
  return new Promise((resolve, reject) => {
    client.subscribe({ query }, { next: resolve, error: reject, complete() {} });
  });
}
