// What the page keeps from one visit to the next: tabs and history, but no header, for a key may be in it.

/** Shares of the width at the first visit: the panel at the left against the rest, the editor against the response. */
const first = { 'graphiql:docExplorerFlex': '0.3', 'graphiql:editorFlex': '1.3' };

/** What GraphiQL also keeps of the tab that is shown, by its name in that tab. */
const shown = { 'graphiql:query': 'query', 'graphiql:variables': 'variables' };

/** For GraphiQL's `storage`: the browser's own, without headers. */
export const memory = {
  getItem: (name) => (name in shown ? shownTab()?.[shown[name]] : localStorage.getItem(name)) ?? first[name] ?? null,
  setItem: (name, value) => localStorage.setItem(name, withoutHeaders(value)),
  removeItem: (name) => localStorage.removeItem(name),
  clear: () => localStorage.clear(),
  get length() {
    return localStorage.length;
  },
};

/** Of the two, the tabs count: both are written a moment apart, and where they differ GraphiQL opens one more tab. */
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
