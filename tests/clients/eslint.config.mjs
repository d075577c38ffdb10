// Every rule of graphql-eslint for schemas, Relay's among them, except for those that this API means to break.

import { join } from "node:path";
import graphql from "@graphql-eslint/eslint-plugin";
import { ROOT } from "./support.mjs";

const EVERY_ELEMENT = {
  types: true,
  rootField: true,
  DirectiveDefinition: true,
  EnumValueDefinition: true,
  FieldDefinition: true,
  InputValueDefinition: true,
  // Those of the language's own directives.
  ignoredSelectors: ["DirectiveDefinition > InputValueDefinition"],
};

export default [
  {
    files: ["schema.graphql"],
    basePath: ROOT,
    languageOptions: {
      parser: graphql.parser,
      parserOptions: { graphQLConfig: { schema: join(ROOT, "schema.graphql") } },
    },
    plugins: { "@graphql-eslint": graphql },
    rules: {
      ...graphql.configs["flat/schema-all"].rules,
      ...graphql.configs["flat/schema-relay"].rules,
      // Stricter than by default.
      "@graphql-eslint/require-description": ["error", EVERY_ELEMENT],
      // Lists go forward only: newest first, behind a cursor.
      "@graphql-eslint/relay-arguments": ["error", { includeBoth: false }],
      // Short lists, as the images of a container, are lists.
      "@graphql-eslint/relay-edge-types": [
        "error",
        { withEdgeSuffix: true, shouldImplementNode: true, listTypeCanWrapOnlyEdgeType: false },
      ],
      // Fields come in the order in which they are best understood.
      "@graphql-eslint/alphabetize": "off",
      // For APIs that only read.
      "@graphql-eslint/no-root-type": "off",
      // A payload holds what the mutation changed; whoever needs more asks for it.
      "@graphql-eslint/require-field-of-type-query-in-mutation-result": "off",
      // Promised by the API: there is a result or an error, never null without one.
      "@graphql-eslint/require-nullable-result-in-root": "off",
      // What has an id of its own implements Node, which requires it; boxes, scores and payloads have none.
      "@graphql-eslint/strict-id-in-types": "off",
    },
  },
];
