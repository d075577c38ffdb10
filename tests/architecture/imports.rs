//! Finds in Rust sources which module uses items of which other module.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};
use syn::{Attribute, ItemMod, ItemUse, UseTree};

/// A module that uses an item of another module in the same folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Arrow {
    /// The parent of both modules; empty for the crate root.
    pub(crate) folder: Vec<String>,
    pub(crate) from: String,
    pub(crate) to: String,
    /// The file that uses the other module.
    file: PathBuf,
    /// The path of the used item.
    name: String,
}

impl fmt::Display for Arrow {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to, file, name, .. } = self;
        write!(formatter, "{from} -> {to}: {} names {name}", file.display())
    }
}

/// A module's file, and the paths that it uses.
struct Module {
    file: PathBuf,
    /// Full paths from the crate's root, and the name under which each is imported here.
    names: Vec<Name>,
}

struct Name {
    path: Vec<String>,
    alias: Option<String>,
}

type Modules = BTreeMap<Vec<String>, Module>;

/// The dependencies between the modules of the crate whose sources are in `folder`, each once.
pub(crate) fn arrows(folder: &Path) -> io::Result<Vec<Arrow>> {
    let mut modules = Modules::new();
    read_folder(folder, &mut Vec::new(), &mut modules)?;
    let mut arrows = BTreeMap::new();
    for (module, Module { file, names }) in &modules {
        for name in names {
            let owner = owner_of(&name.path, &modules);
            let shared = module.iter().zip(&owner).take_while(|(one, other)| one == other).count();
            // A module and its submodules belong together.
            if let (Some(from), Some(to)) = (module.get(shared), owner.get(shared)) {
                let arrow = Arrow {
                    folder: module[..shared].to_vec(),
                    from: from.clone(),
                    to: to.clone(),
                    file: file.strip_prefix(folder).unwrap_or(file).to_owned(),
                    name: name.path.join("::"),
                };
                let ends = (arrow.folder.clone(), from.clone(), to.clone());
                arrows.entry(ends).or_insert(arrow);
            }
        }
    }
    Ok(arrows.into_values().collect())
}

/// The module that an item is from; if a module re-exports an item, the module that defines it.
fn owner_of(path: &[String], modules: &Modules) -> Vec<String> {
    let mut path = path.to_vec();
    let mut seen = BTreeSet::new();
    loop {
        let length =
            (0..=path.len()).rev().find(|length| *length == 0 || modules.contains_key(&path[..*length]));
        let owner = path[..length.unwrap_or(0)].to_vec();
        let handed_on = path.get(owner.len()).and_then(|item| {
            let names = &modules.get(&owner)?.names;
            names.iter().find(|name| name.alias.as_ref() == Some(item)).map(|name| name.path.clone())
        });
        match handed_on {
            Some(from) if seen.insert(from.clone()) => {
                let rest = path.split_off((owner.len() + 1).min(path.len()));
                path = from.into_iter().chain(rest).collect();
            }
            _ => return owner,
        }
    }
}

fn read_folder(folder: &Path, module: &mut Vec<String>, modules: &mut Modules) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if stem == "tests" {
            // By convention, a module of this name is under `#[cfg(test)]`.
            continue;
        }
        if path.is_dir() {
            module.push(stem);
            read_folder(&path, module, modules)?;
            module.pop();
        } else if path.extension().is_some_and(|extension| extension == "rs") && stem != "main" {
            let own = matches!(stem.as_str(), "mod" | "lib");
            let of_file: Vec<String> = module.iter().cloned().chain((!own).then_some(stem)).collect();
            let names = names_in(&fs::read_to_string(&path)?, &of_file).map_err(io::Error::other)?;
            modules.insert(of_file, Module { file: path, names });
        }
    }
    Ok(())
}

fn names_in(source: &str, module: &[String]) -> syn::Result<Vec<Name>> {
    let mut reader = Reader { module: module.to_vec(), names: Vec::new() };
    reader.visit_file(&syn::parse_file(source)?);
    Ok(reader.names)
}

/// Walks a file and records each path of this crate.
struct Reader {
    module: Vec<String>,
    names: Vec<Name>,
}

impl Reader {
    fn note(&mut self, path: &[String], alias: Option<String>) {
        let mut base = match path.first().map(String::as_str) {
            Some("crate") => Vec::new(),
            Some("self" | "super") => self.module.clone(),
            // A module within this one, or another crate, whose name no module has.
            _ => return self.names.push(Name { path: self.within(path), alias }),
        };
        let mut rest = path;
        while let Some(("self" | "super" | "crate", behind)) =
            rest.split_first().map(|(first, behind)| (first.as_str(), behind))
        {
            if rest[0] == "super" {
                base.pop();
            }
            rest = behind;
        }
        base.extend_from_slice(rest);
        self.names.push(Name { path: base, alias });
    }

    fn within(&self, path: &[String]) -> Vec<String> {
        self.module.iter().chain(path).cloned().collect()
    }

    fn note_tree(&mut self, tree: &UseTree, path: &mut Vec<String>) {
        match tree {
            UseTree::Path(step) => {
                path.push(step.ident.to_string());
                self.note_tree(&step.tree, path);
                path.pop();
            }
            UseTree::Group(group) => group.items.iter().for_each(|item| self.note_tree(item, path)),
            UseTree::Name(name) if name.ident == "self" => self.note(path, path.last().cloned()),
            UseTree::Name(name) => {
                path.push(name.ident.to_string());
                self.note(path, path.last().cloned());
                path.pop();
            }
            UseTree::Rename(name) => {
                path.push(name.ident.to_string());
                self.note(path, Some(name.rename.to_string()));
                path.pop();
            }
            UseTree::Glob(_) => self.note(path, None),
        }
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.note_tree(&item.tree, &mut Vec::new());
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if matches!(segments.first().map(String::as_str), Some("crate" | "super")) {
            self.note(&segments, None);
        }
        visit::visit_path(self, path);
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if item.attrs.iter().any(is_for_tests) || item.content.is_none() {
            return;
        }
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }
}

fn is_for_tests(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg")
        && attribute.parse_args::<syn::Ident>().is_ok_and(|condition| condition == "test")
}
