//! Checks the code against the layers in ARCHITECTURE.md, using the code's own imports.
//!
//! An arrow runs from a module to each module whose items it uses. Two rules hold. At the top level, a module uses only
//! modules of lower layers. In every folder, the arrows between its modules form no cycle. Code under `#[cfg(test)]` is
//! exempt.

#![expect(clippy::expect_used, reason = "tests fail by panicking")]

mod imports;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use imports::{Arrow, arrows};

/// The service's modules, from the top layer to the bottom. A module may use those of the lines below its own.
const LAYERS: &[&[&str]] = &[
    &["cli"],
    &["app"],
    &["config"],
    &["http"],
    &["graphql"],
    &["enrollment", "detection", "contours", "containers", "health"],
    &["people", "tasks"],
    &["images"],
    &["inference"],
    &["access"],
    &["audit", "jobs", "events", "index", "parsing"],
    &["metrics"],
    &["telemetry", "store"],
    &["shares"],
    &["actor"],
    &["ids", "clock", "settings"],
];

fn service() -> Vec<Arrow> {
    arrows(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).expect("the sources are readable")
}

#[test]
fn no_module_uses_one_of_its_own_layer_or_above() {
    let layer_of = |module: &str| LAYERS.iter().position(|layer| layer.contains(&module));
    let mut wrong = Vec::new();
    for arrow in service().iter().filter(|arrow| arrow.folder.is_empty()) {
        match (layer_of(&arrow.from), layer_of(&arrow.to)) {
            (Some(from), Some(to)) if from < to => {}
            (Some(_), Some(_)) => wrong.push(format!("{arrow}: points to a higher layer")),
            _ => wrong.push(format!("{arrow}: has a module without a layer")),
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn no_folder_has_a_cycle_of_modules() {
    let mut folders: BTreeMap<Vec<String>, Vec<Arrow>> = BTreeMap::new();
    for arrow in service() {
        folders.entry(arrow.folder.clone()).or_default().push(arrow);
    }
    let circles: Vec<String> = folders.values().flat_map(|arrows| arrows_in_circles(arrows)).collect();
    assert!(circles.is_empty(), "\n{}\n", circles.join("\n"));
}

/// The arrows that are part of a cycle, as text.
fn arrows_in_circles(arrows: &[Arrow]) -> Vec<String> {
    let mut next: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for arrow in arrows {
        next.entry(&arrow.from).or_default().insert(&arrow.to);
    }
    let leads_to = |from: &str, to: &str| {
        let (mut seen, mut waiting) = (BTreeSet::new(), vec![from]);
        while let Some(module) = waiting.pop() {
            for reached in next.get(module).into_iter().flatten() {
                if *reached == to {
                    return true;
                }
                if seen.insert(*reached) {
                    waiting.push(reached);
                }
            }
        }
        false
    };
    let circular = arrows.iter().filter(|arrow| leads_to(&arrow.to, &arrow.from));
    circular.map(|arrow| format!("{arrow}: is part of a cycle")).collect()
}
