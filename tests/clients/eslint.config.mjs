// All rules of graphql-eslint for schemas, including Relay's, except those that this API breaks on purpose.

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
  // The built-in directives.
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
      // Stricter than the default.
      "@graphql-eslint/require-description": ["error", EVERY_ELEMENT],
      // Lists are paginated forward only: newest first, after a cursor.
      "@graphql-eslint/relay-arguments": ["error", { includeBoth: false }],
      // Short lists, such as the images of a container, are plain lists.
      "@graphql-eslint/relay-edge-types": [
        "error",
        { withEdgeSuffix: true, shouldImplementNode: true, listTypeCanWrapOnlyEdgeType: false },
      ],
      // Fields are in the order in which they are easiest to understand.
      "@graphql-eslint/alphabetize": "off",
      // For read-only APIs.
      "@graphql-eslint/no-root-type": "off",
      // A payload contains what the mutation changed; clients query anything else.
      "@graphql-eslint/require-field-of-type-query-in-mutation-result": "off",
      // Guaranteed by the API: there is a result or an error, never null without an error.
      "@graphql-eslint/require-nullable-result-in-root": "off",
      // Objects with an id implement Node, which requires the id; boxes, scores and payloads have none.
      "@graphql-eslint/strict-id-in-types": "off",
    },
  },
];
