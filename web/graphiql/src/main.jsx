// The page at `/`: GraphiQL for the API of the server that serves it.

import './workers.js';
import 'graphiql/style.css';
import '@graphiql/plugin-explorer/style.css';
import './page.css';

import { explorerPlugin } from '@graphiql/plugin-explorer';
import { useGraphiQL } from '@graphiql/react';
import { GraphiQL } from 'graphiql';
import { useEffect } from 'react';
import { createRoot } from 'react-dom/client';

import { examples } from './examples.js';
import { fetcher } from './fetcher.js';
import { filesPlugin } from './files.jsx';
import { memory } from './memory.js';

const plugins = [filesPlugin, explorerPlugin()];

/** The name in the corner. Also turns on line wrapping in the editors, so that the examples need no scrolling. */
function Name() {
  const queryEditor = useGraphiQL((state) => state.queryEditor);
  const variableEditor = useGraphiQL((state) => state.variableEditor);
  useEffect(() => {
    for (const editor of [queryEditor, variableEditor]) editor?.updateOptions({ wordWrap: 'on' });
  }, [queryEditor, variableEditor]);
  return 'FaceQL';
}

createRoot(document.getElementById('graphiql')).render(
  <GraphiQL
    fetcher={fetcher}
    plugins={plugins}
    visiblePlugin={filesPlugin}
    defaultTabs={examples}
    defaultEditorToolsVisibility="variables"
    storage={memory}
    shouldPersistHeaders={false}
    showPersistHeadersSettings={false}
  >
    <GraphiQL.Logo>
      <Name />
    </GraphiQL.Logo>
  </GraphiQL>,
);
