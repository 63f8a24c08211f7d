//! Neither files depend on each other in a circle, nor modules that stand side by side, each with all files of its
//! folder. Every path is resolved, through re-exports, to the file that defines the named item.
//!
//! Declaring, importing or re-exporting makes no dependency; using a name does. Tests are
//! left out.

use crate::assert_none;
use crate::paths::{Import, Mention, Scope, scan};
use crate::source::of_the_crates;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};

#[test]
fn no_files_depend_on_each_other_in_a_circle() {
    let files = of_the_crates().into_iter().filter(|source| !source.is_test());
    let crates = Crates::read(files.map(|source| (source.path.clone(), source.code_without_tests())).collect());
    assert_none("files depend on each other one way only", &cycles(&crates.edges()));
    assert_none("modules of one module depend on each other one way only", &cycles(&crates.sibling_edges()));
}

/// The files that each file uses, with the first line that does.
type Edges = BTreeMap<PathBuf, BTreeMap<PathBuf, usize>>;

/// The shortest cycle through each file that is in one, each cycle once.
fn cycles(edges: &Edges) -> Vec<String> {
    let found: BTreeSet<Vec<&Path>> = edges.keys().filter_map(|start| cycle_through(edges, start)).collect();
    let step = |from: &Path, to: &Path| format!("{}:{}", from.display(), edges[from][to]);
    let row = |cycle: &Vec<&Path>| {
        let steps: Vec<String> = (0..cycle.len()).map(|at| step(cycle[at], cycle[(at + 1) % cycle.len()])).collect();
        format!("{} -> {}", steps.join(" -> "), cycle[0].display())
    };
    found.iter().map(row).collect()
}

/// The cycle through a file, beginning with the alphabetically first file.
fn cycle_through<'a>(edges: &'a Edges, start: &'a Path) -> Option<Vec<&'a Path>> {
    let mut came_from: BTreeMap<&Path, &Path> = BTreeMap::new();
    let mut waiting = VecDeque::from([start]);
    while let Some(file) = waiting.pop_front() {
        for next in edges.get(file).into_iter().flat_map(BTreeMap::keys) {
            if !came_from.contains_key(next.as_path()) {
                came_from.insert(next, file);
                waiting.push_back(next);
            }
        }
    }
    let mut cycle = vec![start];
    let mut at = *came_from.get(start)?;
    while at != start {
        cycle.push(at);
        at = came_from[at];
    }
    cycle.reverse();
    let first = cycle.iter().enumerate().min_by_key(|(_, file)| **file).map_or(0, |(at, _)| at);
    cycle.rotate_left(first);
    Some(cycle)
}

/// All modules; a file precedes the modules within it.
struct Crates(Vec<Module>);

struct Module {
    /// `None` for the root of a crate.
    parent: Option<usize>,
    file: PathBuf,
    children: BTreeMap<String, usize>,
    scope: Scope,
}

/// The item that a path names.
#[derive(Clone, Copy, PartialEq)]
enum Named {
    Module(usize),
    /// Something that this module defines.
    ItemOf(usize),
}

impl Crates {
    fn read(mut files: BTreeMap<PathBuf, String>) -> Self {
        let mut crates = Self(Vec::new());
        let roots: Vec<PathBuf> = files.keys().filter(|path| is_root(path)).cloned().collect();
        for root in roots {
            let code = files.remove(&root).unwrap_or_default();
            let folder = root.parent().unwrap().to_owned();
            crates.add(None, root, &folder, scan(&code), &mut files);
        }
        crates
    }

    /// Adds a module and everything below it.
    fn add(
        &mut self,
        parent: Option<usize>,
        file: PathBuf,
        folder: &Path,
        mut scope: Scope,
        files: &mut BTreeMap<PathBuf, String>,
    ) -> usize {
        let own = self.0.len();
        let (declared, inline) = (std::mem::take(&mut scope.declared), std::mem::take(&mut scope.inline));
        self.0.push(Module { parent, file: file.clone(), children: BTreeMap::new(), scope });
        for name in declared {
            let path = folder.join(&name).with_extension("rs");
            // A file that is not there is tests.
            if let Some(code) = files.remove(&path) {
                let child = self.add(Some(own), path, &folder.join(&name), scan(&code), files);
                self.0[own].children.insert(name, child);
            }
        }
        for (name, scope) in inline {
            let child = self.add(Some(own), file.clone(), &folder.join(&name), scope, files);
            self.0[own].children.insert(name, child);
        }
        own
    }

    fn edges(&self) -> Edges {
        self.edges_between(|user, used| Some((user, used)))
    }

    /// The same between the modules side by side that the files are in.
    fn sibling_edges(&self) -> Edges {
        self.edges_between(|user, used| {
            let (to_user, to_used) = (self.way_to(user), self.way_to(used));
            let differs = to_user.iter().zip(&to_used).position(|(user, used)| user != used)?;
            Some((to_user[differs], to_used[differs]))
        })
    }

    /// The modules from the root to this one.
    fn way_to(&self, module: usize) -> Vec<usize> {
        let mut way: Vec<usize> = std::iter::successors(Some(module), |at| self.0[*at].parent).collect();
        way.reverse();
        way
    }

    /// The edges of all uses, each between the modules that stand for the user and the used one.
    fn edges_between(&self, stand: impl Fn(usize, usize) -> Option<(usize, usize)>) -> Edges {
        let mut edges = Edges::new();
        for (at, module) in self.0.iter().enumerate() {
            let private = module.scope.imports.iter().filter(|import| !import.is_public).map(|import| &import.of);
            for Mention { line, path } in private.chain(&module.scope.paths) {
                let Some(Named::ItemOf(used)) = self.resolve(at, path, &mut BTreeSet::new()) else { continue };
                let Some((user, used)) = stand(at, used) else { continue };
                let (user, used) = (&self.0[user].file, &self.0[used].file);
                if used != user {
                    let lines = edges.entry(user.clone()).or_default();
                    let first = lines.entry(used.clone()).or_insert(*line);
                    *first = (*first).min(*line);
                }
            }
        }
        edges
    }

    /// `None` for items of other crates. `seen` holds the pending look-ups, so that imports
    /// which name each other end.
    fn resolve(&self, from: usize, path: &[String], seen: &mut BTreeSet<(usize, String, bool)>) -> Option<Named> {
        let (first, mut rest) = path.split_first()?;
        let mut at = match first.as_str() {
            "crate" => self.root_of(from),
            "self" => from,
            "super" => self.0[from].parent?,
            name => match self.look_up(from, name, !rest.is_empty(), seen)? {
                Named::Module(module) => module,
                item => return Some(item),
            },
        };
        while let Some((name, behind)) = rest.split_first() {
            at = match name.as_str() {
                "super" => self.0[at].parent?,
                name => match self.look_up(at, name, !behind.is_empty(), seen) {
                    Some(Named::Module(module)) => module,
                    // A name that is neither declared nor imported there is defined there.
                    None if !self.imports(at, name) => return Some(Named::ItemOf(at)),
                    other => return other,
                },
            };
            rest = behind;
        }
        Some(Named::Module(at))
    }

    /// A child or an import of a module. A name can be both; where more of a path
    /// follows, it is the child.
    fn look_up(
        &self,
        at: usize,
        name: &str,
        is_followed: bool,
        seen: &mut BTreeSet<(usize, String, bool)>,
    ) -> Option<Named> {
        let module = &self.0[at];
        let child = module.children.get(name).map(|&child| Named::Module(child));
        if (is_followed && child.is_some()) || !seen.insert((at, name.to_owned(), is_followed)) {
            return child;
        }
        let named = |import: &&Import| import.name.as_deref() == Some(name);
        let import = module.scope.imports.iter().find(named);
        let found = import.and_then(|import| self.resolve(at, &import.of.path, seen));
        seen.remove(&(at, name.to_owned(), is_followed));
        found.or(child)
    }

    fn imports(&self, at: usize, name: &str) -> bool {
        self.0[at].scope.imports.iter().any(|import| import.name.as_deref() == Some(name))
    }

    fn root_of(&self, mut at: usize) -> usize {
        while let Some(parent) = self.0[at].parent {
            at = parent;
        }
        at
    }
}

fn is_root(path: &Path) -> bool {
    path.ends_with("lib.rs") || path.ends_with("main.rs") || path.parent().is_some_and(|folder| folder.ends_with("bin"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edges(files: &[(&str, &str)]) -> Vec<String> {
        let files = files.iter().map(|(path, code)| (PathBuf::from(path), (*code).to_owned())).collect();
        let edges = Crates::read(files).edges();
        let rows = edges.iter().flat_map(|(from, to)| {
            to.iter().map(move |(to, line)| format!("{}:{line} {}", from.display(), to.display()))
        });
        rows.collect()
    }

    #[test]
    fn a_name_leads_to_the_file_that_defines_it() {
        let root = ("src/lib.rs", "mod a;");
        let child = ("src/a/b.rs", "pub struct B;");
        for (what, parent, user, wanted) in [
            ("a re-export", "mod b; mod c; pub use b::B;", "use super::B;", vec!["src/a/c.rs:1 src/a/b.rs"]),
            (
                "a private import",
                "mod b; mod c; use b::B;",
                "super::B",
                vec!["src/a/c.rs:1 src/a/b.rs", "src/a.rs:1 src/a/b.rs"],
            ),
            (
                "an alias",
                "mod b; mod c; pub(super) use b::B as D;",
                "\ncrate::a::D::new()",
                vec!["src/a/c.rs:2 src/a/b.rs"],
            ),
            ("an item", "mod b; mod c; struct D;", "use super::D;", vec!["src/a/c.rs:1 src/a.rs"]),
            ("a module", "mod b; mod c;", "use super::b; fn f() -> b::B {}", vec!["src/a/c.rs:1 src/a/b.rs"]),
            ("only imported", "mod b; mod c;", "use super::b;", vec![]),
            ("only re-exported", "mod b; mod c; pub use b::B;", "", vec![]),
            ("also used", "mod b; mod c; pub use b::B;\nfn f(b: B) {}", "", vec!["src/a.rs:2 src/a/b.rs"]),
            (
                "a group",
                "mod b; mod c; struct D;",
                "use super::{\nD,\nb::B};",
                vec!["src/a/c.rs:3 src/a/b.rs", "src/a/c.rs:2 src/a.rs"],
            ),
            ("another crate", "mod b; mod c; pub use d::d;", "use super::d; use e::F; F::g()", vec![]),
            (
                "in braces",
                "mod b; mod c; mod d { use super::b::B; }",
                "super::d::E",
                vec!["src/a/c.rs:1 src/a.rs", "src/a.rs:1 src/a/b.rs"],
            ),
            ("a circle of names", "mod b; mod c; pub use c::D;", "pub use super::D; D::f()", vec![]),
        ] {
            let files = [root, ("src/a.rs", parent), child, ("src/a/c.rs", user)];
            assert_eq!(edges(&files), wanted, "{what}");
        }
    }

    #[test]
    fn modules_side_by_side_are_taken_with_their_folders() {
        let files = [
            ("src/lib.rs", "mod a;"),
            ("src/a.rs", "mod b; mod c;"),
            ("src/a/b.rs", "use super::c::D;"),
            ("src/a/c.rs", "mod d; pub use d::D;\nuse super::b::B; fn f(b: B) {}"),
            ("src/a/c/d.rs", "pub struct D;"),
        ];
        let files = files.iter().map(|(path, code)| (PathBuf::from(path), (*code).to_owned())).collect();
        let crates = Crates::read(files);
        assert_eq!(cycles(&crates.edges()), Vec::<String>::new());
        assert_eq!(cycles(&crates.sibling_edges()), ["src/a/b.rs:1 -> src/a/c.rs:2 -> src/a/b.rs"]);
    }

    #[test]
    fn a_cycle_is_named_once_with_its_lines() {
        let files = [
            ("src/lib.rs", "mod a; mod b; mod c; mod d;"),
            ("src/a.rs", "use crate::b::B;"),
            ("src/b.rs", "\nuse crate::c::C;"),
            ("src/c.rs", "use crate::a::A;"),
            ("src/d.rs", "use crate::a::A;"),
        ];
        let files = files.iter().map(|(path, code)| (PathBuf::from(path), (*code).to_owned())).collect();
        let found = cycles(&Crates::read(files).edges());
        assert_eq!(found, ["src/a.rs:1 -> src/b.rs:2 -> src/c.rs:1 -> src/a.rs"]);
    }
}
