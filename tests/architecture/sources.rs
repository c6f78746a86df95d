//! The files of a crate.

use std::fs;
use std::path::PathBuf;

use crate::names::{Contents, Segments};

/// A folder of sources, and the name by which its program (`main.rs`) names the library beside it.
pub(crate) struct Crate {
    /// Below the checkout.
    pub(crate) folder: &'static str,
    pub(crate) name: &'static str,
    pub(crate) sources: Vec<Source>,
}

pub(crate) struct Source {
    /// Path below the crate's folder, with `/` on each system.
    pub(crate) path: String,
    /// The module that the file is; the crate's root is empty.
    pub(crate) module: Segments,
    pub(crate) lines: usize,
    pub(crate) contents: Contents,
}

impl Crate {
    pub(crate) fn gateway() -> Self {
        Self::read("src", "feishu_forward_gateway")
    }

    pub(crate) fn simulator() -> Self {
        Self::read("simulator/src", "feishu_simulator")
    }

    fn read(folder: &'static str, name: &'static str) -> Self {
        Self { folder, name, sources: below(folder) }
    }
}

impl Source {
    /// Takes the file's path below the crate's folder.
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let module = module(path);
        let contents = Contents::read(module.clone(), text)
            .unwrap_or_else(|error| panic!("{path} cannot be read: {error}"));
        Self { path: path.into(), module, lines: text.lines().count(), contents }
    }

    /// The module at the top of the crate that the file belongs to.
    pub(crate) fn floor(&self) -> &str {
        self.path.split('/').next().unwrap_or_default().trim_end_matches(".rs")
    }
}

/// The sources in a folder and in its subfolders, in the order of their paths.
///
/// `STRUCTURE_OF` names another checkout to read them from; `benches/structure/measure.py` sets it.
fn below(folder: &str) -> Vec<Source> {
    let checkout = std::env::var_os("STRUCTURE_OF");
    let checkout = checkout.map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    let root = checkout.join(folder);
    let (mut folders, mut sources) = (vec![root.clone()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of sources") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let below = path.strip_prefix(&root).expect("a path below the root");
                let below = below.to_str().expect("UTF-8").replace('\\', "/");
                sources.push(Source::new(&below, &fs::read_to_string(&path).expect("a source")));
            }
        }
    }
    sources.sort_by(|one, other| one.path.cmp(&other.path));
    sources
}

fn module(path: &str) -> Segments {
    let path = path.trim_end_matches(".rs");
    let path = path.strip_suffix("/mod").unwrap_or(path);
    path.split('/').filter(|_| path != "lib").map(str::to_owned).collect()
}
