// A page of a list, an object refetched by its id, and a subscription, as written for Relay.

import { graphql } from "relay-runtime";

export const query = graphql`
  query peopleQuery($gallery: String!) {
    ...people_page @arguments(gallery: $gallery)
  }
`;

export const page = graphql`
  fragment people_page on Query
  @argumentDefinitions(
    gallery: { type: "String!" }
    count: { type: "Int", defaultValue: 20 }
    cursor: { type: "String" }
  )
  @refetchable(queryName: "peoplePageQuery") {
    people(gallery: $gallery, first: $count, after: $cursor) @connection(key: "people_people") {
      edges { node { ...people_person } }
    }
  }
`;

export const person = graphql`
  fragment people_person on Person @refetchable(queryName: "peoplePersonQuery") {
    displayName
    metadata
    faces { quality { overall } }
  }
`;

export const remove = graphql`
  mutation peopleRemoveMutation($id: ID!, $connections: [ID!]!) {
    deletePerson(input: { person: { id: $id } }) {
      deletedPersonId @deleteEdge(connections: $connections) @deleteRecord
    }
  }
`;

export const watch = graphql`
  subscription peopleWatchSubscription($id: ID!) {
    enrollmentChanged(id: $id) { status person { ...people_person } }
  }
`;
