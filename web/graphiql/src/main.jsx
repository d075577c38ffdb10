// The page at `/`: GraphiQL with the API of the server that it comes from, and of no other.

import './workers.js';
import 'graphiql/style.css';
import '@graphiql/plugin-explorer/style.css';
import './page.css';

import { explorerPlugin } from '@graphiql/plugin-explorer';
import { GraphiQL } from 'graphiql';
import { createRoot } from 'react-dom/client';

import { examples } from './examples.js';
import { fetcher } from './fetcher.js';
import { filesPlugin } from './files.jsx';
import { memory } from './memory.js';

const plugins = [filesPlugin, explorerPlugin()];

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
    <GraphiQL.Logo>FaceQL</GraphiQL.Logo>
  </GraphiQL>,
);
