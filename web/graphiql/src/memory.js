// What the page stores between visits: tabs and history, but no headers, since they may contain a key.

/** Initial widths: of the left panel relative to the rest, and of the editor relative to the response. */
const first = { 'graphiql:docExplorerFlex': '0.3', 'graphiql:editorFlex': '1.3' };

/** The keys under which GraphiQL stores the current tab a second time, and their names in the tab. */
const shown = { 'graphiql:query': 'query', 'graphiql:variables': 'variables' };

/** For GraphiQL's `storage`: the browser's local storage, without headers. */
export const memory = {
  getItem: (name) => (name in shown ? shownTab()?.[shown[name]] : localStorage.getItem(name)) ?? first[name] ?? null,
  setItem: (name, value) => localStorage.setItem(name, withoutHeaders(value)),
  removeItem: (name) => localStorage.removeItem(name),
  clear: () => localStorage.clear(),
  get length() {
    return localStorage.length;
  },
};

/** Read from the tabs: both copies are written a moment apart, and if they differ GraphiQL opens another tab. */
function shownTab() {
  const { tabs, activeTabIndex } = JSON.parse(localStorage.getItem('graphiql:tabState') ?? '{}');
  return tabs?.[activeTabIndex];
}

function withoutHeaders(value) {
  try {
    return JSON.stringify(JSON.parse(value, (name, inner) => (name === 'headers' ? null : inner)));
  } catch {
    return value;
  }
}
