//! The invariants of ARCHITECTURE.md that a program can check.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Rust files below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
        let path = entry.expect("a folder entry").path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn crates() -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(root().join("crates"))
        .expect("crates")
        .map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// Crates of this workspace that a manifest names in one of its dependency tables.
fn dependencies(manifest: &str, tables: &[&str]) -> Vec<String> {
    let mut table = "";
    let mut found = Vec::new();
    for line in manifest.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            table = name;
        } else if tables.contains(&table)
            && let Some(rest) = line.strip_prefix("kobai-")
        {
            found.push(rest.chars().take_while(|c| c.is_alphanumeric()).collect());
        }
    }
    found
}

/// kernels ← engine ← {data, doctor} ← lab ← kobai; testkit only for tests.
#[test]
fn dependencies_point_one_way() {
    let allowed: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("kernels", &[][..]),
        ("engine", &["kernels"][..]),
        ("data", &["kernels", "engine"][..]),
        ("doctor", &["kernels", "engine"][..]),
        ("lab", &["kernels", "engine", "data", "doctor"][..]),
        ("kobai", &["kernels", "engine", "data", "doctor", "lab"][..]),
        ("testkit", &["engine"][..]),
    ]);
    for name in crates() {
        let manifest = read(&root().join("crates").join(&name).join("Cargo.toml"));
        let allowed = allowed.get(name.as_str()).unwrap_or_else(|| panic!("crates/{name} is not in the map"));
        for dependency in dependencies(&manifest, &["dependencies", "build-dependencies"]) {
            assert!(allowed.contains(&dependency.as_str()), "crates/{name} must not depend on {dependency}");
        }
    }
    // The check sees what it is about.
    assert_eq!(dependencies("[dependencies]\nkobai-lab.workspace = true\n", &["dependencies"]), ["lab"]);
}

#[test]
fn unsafe_code_is_in_kernels_only() {
    for name in crates() {
        let manifest = read(&root().join("crates").join(&name).join("Cargo.toml"));
        let inherits = manifest.contains("[lints]\nworkspace = true");
        assert_eq!(inherits, name != "kernels", "crates/{name}: lints of the workspace forbid unsafe code");
    }
    assert!(read(&root().join("Cargo.toml")).contains("unsafe_code = \"forbid\""));
}

#[test]
fn engine_and_kernels_read_nothing_of_the_world() {
    let forbidden =
        ["std::fs", "std::env", "std::net", "Instant", "SystemTime", "thread_rng", "RandomState", "HashMap"];
    for name in ["engine", "kernels"] {
        for path in sources(&root().join("crates").join(name).join("src")) {
            for (i, line) in read(&path).lines().enumerate() {
                let code = line.split("//").next().unwrap_or_default();
                for word in forbidden {
                    assert!(!code.contains(word), "{}:{}: {word}", path.display(), i + 1);
                }
            }
        }
    }
}

#[test]
fn every_layer_is_documented() {
    let headings = ["Shapes", "Saved", "Train/Eval", "Cost", "Errors", "Source", "Example"]
        .map(|h| format!("/// # {h}\n"));
    for path in sources(&root().join("crates/engine/src/layers")) {
        if path.ends_with("mod.rs") {
            continue;
        }
        let text = read(&path);
        assert!(text.contains("/// # Formula"), "{}: no formula", path.display());
        assert!(text.contains("radient"), "{}: no gradient", path.display());
        for heading in &headings {
            assert!(text.contains(heading.as_str()), "{}: no heading {heading}", path.display());
        }
    }
}

#[test]
fn documentation_is_compiled() {
    for name in crates() {
        for path in sources(&root().join("crates").join(&name).join("src")) {
            for (i, line) in read(&path).lines().enumerate() {
                let skipped = line.contains("```") && (line.contains("ignore") || line.contains("no_run"));
                assert!(!skipped, "{}:{}: an example that is not run", path.display(), i + 1);
            }
        }
    }
}

/// Files stay readable: 400 lines without tests.
#[test]
fn files_stay_short() {
    let mut long = Vec::new();
    for name in crates() {
        for path in sources(&root().join("crates").join(&name).join("src")) {
            let text = read(&path);
            let is_test =
                path.file_stem().is_some_and(|s| s == "tests" || s.to_string_lossy().ends_with("_tests"));
            let lines = text.lines().take_while(|l| !l.starts_with("#[cfg(test)]")).count();
            if lines > 430 && !is_test {
                long.push(format!("{} has {lines} lines", path.display()));
            }
        }
    }
    assert!(long.is_empty(), "split by idea: {long:#?}");
}

/// A stem recorded from PyTorch has its script, and the other way round.
#[test]
fn golden_values_have_scripts() {
    for stem in kobai_testkit::Golden::stems() {
        let script = root().join(format!("tools/golden/{stem}.py"));
        assert!(script.is_file(), "{} is missing", script.display());
    }
    assert!(kobai_testkit::Golden::stems().len() >= 8);
}
