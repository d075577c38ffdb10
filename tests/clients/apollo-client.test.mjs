// Apollo Client: uploads with apollo-upload-client, subscriptions over a WebSocket.

import { test } from "node:test";
import { ApolloClient, ApolloLink, InMemoryCache, gql } from "@apollo/client";
import { OperationTypeNode } from "graphql";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import UploadHttpLink from "apollo-upload-client/UploadHttpLink.mjs";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import {
  KEY, TIME_LIMIT, UPLOAD, URL_WITH_KEY, WATCH, assertSettled, createContainer, photo, socketUrl,
} from "./support.mjs";

test("Apollo Client: an upload is followed to its end", TIME_LIMIT, async (t) => {
  const headers = { "x-api-key": KEY };
  const socket = createClient({ url: socketUrl(URL_WITH_KEY), webSocketImpl: WebSocket, connectionParams: headers });
  t.after(() => socket.dispose());
  const link = ApolloLink.split(
    ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
    new GraphQLWsLink(socket),
    new UploadHttpLink({ uri: URL_WITH_KEY, headers }),
  );
  const client = new ApolloClient({ link, cache: new InMemoryCache() });
  t.after(() => client.stop());

  const container = await createContainer();
  const seen = states(client.subscribe({ query: gql(WATCH), variables: { container } }));
  const { data } = await client.mutate({ mutation: gql(UPLOAD), variables: { container, file: photo() } });
  assertSettled(await seen, data.uploadImage.image);
});

function states(observable) {
  const all = [];
  return new Promise((resolve, reject) => {
    observable.subscribe({
      next: ({ data, error }) => (error ? reject(error) : all.push(data.imageStatusChanged)),
      error: reject,
      complete: () => resolve(all),
    });
  });
}
