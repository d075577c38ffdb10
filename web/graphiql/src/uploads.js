// The Upload variables of a document, the files selected for them, and the multipart request that sends them.

import { Kind } from 'graphql';

/** The selected files by variable name. Every tab with a variable of that name sends them. */
let chosen = new Map();
const listeners = new Set();

/** For `useSyncExternalStore`: a new map after each selection. */
export const choices = {
  subscribe(listener) {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
  get: () => chosen,
};

/** Selects `files` for the variable `name`, in place of earlier ones; an empty list clears the selection. */
export function choose(name, files) {
  chosen = new Map(chosen);
  if (files.length > 0) chosen.set(name, [...files]);
  else chosen.delete(name);
  for (const listener of listeners) listener();
}

/**
 * The variables of type `Upload` that a document declares, each name once.
 * `operationName`: only those of this operation; if absent, of all operations.
 */
export function uploadVariables(document, operationName) {
  const operations = document.definitions.filter(
    (definition) =>
      definition.kind === Kind.OPERATION_DEFINITION &&
      (!operationName || definition.name?.value === operationName),
  );
  const variables = operations.flatMap((operation) => operation.variableDefinitions ?? []).map(read);
  const uploads = variables.filter((variable) => variable.named === 'Upload');
  return [...new Map(uploads.map((variable) => [variable.name, variable])).values()];
}

function read({ variable, type }) {
  let [named, isList] = [type, false];
  while (named.kind !== Kind.NAMED_TYPE) {
    isList ||= named.kind === Kind.LIST_TYPE;
    named = named.type;
  }
  return { name: variable.name.value, named: named.name.value, isList, isRequired: type.kind === Kind.NON_NULL_TYPE };
}

/**
 * The request body by the GraphQL multipart request specification, with the selected files as variables.
 * Throws if no file was selected for a required variable.
 */
export function multipartBody(parameters, uploads) {
  const variables = { ...parameters.variables };
  const [map, files] = [{}, []];
  for (const { name, isList, isRequired } of uploads) {
    const taken = chosen.get(name) ?? [];
    if (taken.length === 0 && isRequired) {
      throw new Error(`Select a file for $${name} under Files, the paper clip on the left.`);
    }
    variables[name] = isList ? taken.map(() => null) : null;
    for (const [index, file] of (isList ? taken : taken.slice(0, 1)).entries()) {
      map[files.length] = [isList ? `variables.${name}.${index}` : `variables.${name}`];
      files.push(file);
    }
  }
  const body = new FormData();
  body.append('operations', JSON.stringify({ ...parameters, variables }));
  body.append('map', JSON.stringify(map));
  for (const [index, file] of files.entries()) body.append(String(index), file, file.name);
  return body;
}
