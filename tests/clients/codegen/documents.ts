// Documents of an application, and checks of the types generated for them.

import type { ResultOf, VariablesOf } from "@graphql-typed-document-node/core";
import { type FragmentType, graphql, useFragment } from "./generated";
import type { ImageInput, MatchDecision } from "./generated/graphql";

const state = graphql(`
  fragment State on Image {
    id status completedAt encodings { vector face { box { x y width height } } } error { code message }
  }
`);

const upload = graphql(`
  mutation Upload($container: ID!, $file: Upload!) {
    uploadImage(input: { containerId: $container, image: { upload: $file } }) { image { ...State } }
  }
`);

const watch = graphql(`
  subscription Watch($container: ID!) {
    imageStatusChanged(containerId: $container, untilSettled: true) { revision ...State }
  }
`);

const compare = graphql(`
  mutation Compare($source: ImageInput!, $target: ImageInput!) {
    compareFaces(input: { source: $source, target: $target }) { match { decision similarity } }
  }
`);

const node = graphql(`
  query Anything($id: ID!) { node(id: $id) { __typename id ... on Person { displayName metadata } } }
`);

export const variables: VariablesOf<typeof upload> = { container: "container_1", file: new File([], "photo.jpg") };

export const decision = (answer: ResultOf<typeof compare>): MatchDecision => answer.compareFaces.match.decision;

export const revision = (event: ResultOf<typeof watch>): number => event.imageStatusChanged.revision;

export function vectors(image: FragmentType<typeof state>): number[][] {
  return useFragment(state, image).encodings.map((encoding) => encoding.vector);
}

export function name(answer: ResultOf<typeof node>): string | null | undefined {
  return answer.node?.__typename === "Person" ? answer.node.displayName : undefined;
}

export const one: ImageInput = { base64: "" };
// @ts-expect-error: exactly one source of bytes, by @oneOf.
export const both: ImageInput = { base64: "", upload: new File([], "photo.jpg") };
