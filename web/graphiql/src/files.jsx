// The "Files" panel: a file input for every Upload variable of the current tab, and instructions for the page.

import { useGraphiQL } from '@graphiql/react';
import { Kind } from 'graphql';
import { useEffect, useState, useSyncExternalStore } from 'react';

import { choices, choose, uploadVariables } from './uploads.js';

/** Opened by the paper clip on the left. */
export const filesPlugin = { title: 'Files', icon: PaperClip, content: Files };

function Files() {
  const document = useGraphiQL((state) => state.documentAST);
  const uploads = document ? uploadVariables(document) : [];
  return (
    <section className="files" aria-label="Files">
      <div className="graphiql-doc-explorer-title">Files</div>
      {document && <p className="operations">for {operationNames(document)}</p>}
      {uploads.map((variable) => (
        <Chooser key={variable.name} {...variable} />
      ))}
      {uploads.length === 0 && (
        <p>
          This operation takes no files. For every variable of type <code>Upload</code>, as in{' '}
          <code>{'mutation ($photo: Upload!)'}</code>, a file can be selected here; it is sent as that variable.
        </p>
      )}
      <Notes />
    </section>
  );
}

function operationNames(document) {
  const operations = document.definitions.filter((definition) => definition.kind === Kind.OPERATION_DEFINITION);
  return operations.map((operation) => operation.name?.value ?? 'this operation').join(', ');
}

function Chooser({ name, isList }) {
  const files = useSyncExternalStore(choices.subscribe, choices.get).get(name) ?? [];
  return (
    <label>
      <code>${name}</code>
      {files.length > 0 && ` · ${files.map((file) => file.name).join(', ')}`}
      <input
        type="file"
        accept="image/*"
        multiple={isList}
        aria-label={`File for $${name}`}
        onChange={(event) => choose(name, event.target.files)}
      />
      {files.map((file) => (
        <Preview key={`${file.name} ${file.size} ${file.lastModified}`} file={file} />
      ))}
    </label>
  );
}

function Preview({ file }) {
  const [address, setAddress] = useState();
  useEffect(() => {
    const made = URL.createObjectURL(file);
    setAddress(made);
    return () => URL.revokeObjectURL(made);
  }, [file]);
  return address ? <img src={address} alt={file.name} /> : null;
}

function Notes() {
  return (
    <>
      <h3>How to use this page</h3>
      <ul>
        <li>
          The tabs above have an example for every domain. The comment at the top of each says what to do.
        </li>
        <li>
          If the server requires an API key, enter <code>{'{"X-API-Key": "…"}'}</code> under Headers, at the bottom, and
          reload the schema (the arrows at the lower left). Tabs without a key use the one entered last.
        </li>
        <li>Keys and files are only kept in this page, until it is closed.</li>
        <li>A subscription ends when you leave its tab; run it in a second window.</li>
      </ul>
      <p>
        <a href="/assets/licenses.md">Licenses of the libraries used by this page</a>
      </p>
    </>
  );
}

function PaperClip() {
  return (
    <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.5" strokeLinecap="round" height="1em">
      <title>Files</title>
      <path d="M20 11.5 12.2 19.3a5 5 0 0 1-7.1-7.1l8.2-8.2a3.3 3.3 0 0 1 4.7 4.7l-8.2 8.2a1.6 1.6 0 0 1-2.3-2.3l7.3-7.3" />
    </svg>
  );
}
