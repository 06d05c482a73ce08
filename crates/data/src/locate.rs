//! Where data sets are looked for on this machine.
//!
//! In order: the folder that was given (`--data-dir`), `KOBAI_DATA_DIR`, the
//! user's data folder (`~/.local/share/kobai/datasets`), and, only for
//! reading, `./data` as torchvision fills it. Below each of them a set may lie
//! in a folder of its own name or in torchvision's (`MNIST/raw`).
//!
//! Keras' `~/.keras/datasets/mnist.npz` is deliberately not read: it would
//! need a reader for NumPy archives, for data that the IDX files hold too.

use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;

/// How a folder came into the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// `--data-dir`.
    Argument,
    /// `KOBAI_DATA_DIR`.
    Environment,
    /// The user's data folder.
    User,
    /// `./data`, only for reading.
    Working,
}

/// A folder that data sets are looked for in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// The folder; it need not exist.
    pub path: PathBuf,
    /// How it came into the list.
    pub origin: Origin,
}

/// Folders that data sets are looked for in, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Locations {
    roots: Vec<Root>,
}

/// One folder that may hold the files of a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) folder: PathBuf,
    /// Whether the folder's name says which set it holds. Several sets share
    /// their file names, so files right below a root must prove themselves.
    pub(crate) named: bool,
}

impl Locations {
    /// The usual places. The only function of this crate that reads the
    /// environment: `KOBAI_DATA_DIR`, and what gives the user's data folder.
    #[must_use]
    pub fn from_env(data_dir: Option<PathBuf>) -> Self {
        let environment = std::env::var_os("KOBAI_DATA_DIR").filter(|v| !v.is_empty()).map(PathBuf::from);
        let user =
            etcetera::choose_base_strategy().ok().map(|base| base.data_dir().join("kobai").join("datasets"));
        Locations::new(data_dir, environment, user, Some(PathBuf::from("data")))
    }

    /// The places for given values.
    #[must_use]
    pub fn new(
        argument: Option<PathBuf>,
        environment: Option<PathBuf>,
        user: Option<PathBuf>,
        working: Option<PathBuf>,
    ) -> Self {
        let all = [
            (argument, Origin::Argument),
            (environment, Origin::Environment),
            (user, Origin::User),
            (working, Origin::Working),
        ];
        let roots = all.into_iter().filter_map(|(path, origin)| Some(Root { path: path?, origin })).collect();
        Locations { roots }
    }

    /// Only this folder.
    #[must_use]
    pub fn only(folder: impl Into<PathBuf>) -> Self {
        Locations::new(Some(folder.into()), None, None, None)
    }

    /// No folder at all: embedded and procedural sets only.
    #[must_use]
    pub fn none() -> Self {
        Locations::default()
    }

    /// The folders, in order.
    #[must_use]
    pub fn roots(&self) -> &[Root] {
        &self.roots
    }

    /// Where downloads of a set go: the first folder that may be written.
    #[must_use]
    pub fn download_folder(&self, id: &str) -> Option<PathBuf> {
        self.roots.iter().find(|root| root.origin != Origin::Working).map(|root| root.path.join(id))
    }

    /// Every folder that may hold a set. `folders` are the set's own names.
    pub(crate) fn candidates(&self, folders: &[&str]) -> Vec<Candidate> {
        let mut all = Vec::new();
        for root in &self.roots {
            for folder in folders {
                all.push(Candidate { folder: root.path.join(Path::new(folder)), named: true });
            }
            if root.origin != Origin::Working {
                all.push(Candidate { folder: root.path.clone(), named: false });
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::Locations;

    #[test]
    fn the_order_of_the_places() {
        let at = |s: &str| Some(PathBuf::from(s));
        let places = Locations::new(at("arg"), at("env"), at("user"), at("data"));
        let got: Vec<(String, bool)> = places
            .candidates(&["mnist", "MNIST/raw"])
            .into_iter()
            .map(|c| (c.folder.display().to_string(), c.named))
            .collect();
        let expected = [
            ("arg/mnist", true),
            ("arg/MNIST/raw", true),
            ("arg", false),
            ("env/mnist", true),
            ("env/MNIST/raw", true),
            ("env", false),
            ("user/mnist", true),
            ("user/MNIST/raw", true),
            ("user", false),
            ("data/mnist", true),
            ("data/MNIST/raw", true),
        ];
        assert_eq!(got, expected.map(|(s, b)| (s.to_owned(), b)));
        assert_eq!(places.download_folder("mnist"), at("arg/mnist"));
    }

    #[test]
    fn nothing_is_downloaded_into_the_working_folder() {
        let at = |s: &str| Some(PathBuf::from(s));
        assert_eq!(Locations::new(None, None, None, at("data")).download_folder("mnist"), None);
        assert_eq!(
            Locations::new(None, None, at("user"), at("data")).download_folder("mnist"),
            at("user/mnist")
        );
        assert_eq!(Locations::none().download_folder("mnist"), None);
    }

    #[test]
    fn the_argument_comes_first() {
        let places = Locations::from_env(Some("given".into()));
        assert_eq!(places.roots()[0].path, PathBuf::from("given"));
    }
}
