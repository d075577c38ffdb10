// The panel "Files": a chooser for every variable of type Upload in the present tab, and how the page is used.

import { useGraphiQL } from '@graphiql/react';
import { Kind } from 'graphql';
import { useEffect, useState, useSyncExternalStore } from 'react';

import { choices, choose, uploadVariables } from './uploads.js';

/** Opened by the paper clip at the left. */
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
          It takes no file. An operation that declares a variable of type <code>Upload</code>, as in{' '}
          <code>{'mutation ($photo: Upload!)'}</code>, gets a chooser here, and what is chosen is sent as that variable.
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
      <h3>How to go about it</h3>
      <ul>
        <li>
          The tabs above have an example for every domain; the comment on top of each says what to do.
        </li>
        <li>
          Does the server ask for a key? Put <code>{'{"X-API-Key": "…"}'}</code> under Headers, at the bottom, and read
          the schema again (the arrows at the lower left). Tabs that name no key use the one that was named last.
        </li>
        <li>Keys and files stay in this page and are gone when it is closed.</li>
        <li>A subscription ends when its tab is left; let it run in a window of its own.</li>
      </ul>
      <p>
        <a href="/assets/licenses.md">Licences of what this page is made of</a>
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
