//! The configurations of `deploy/` are accepted by the program.

use crate::source::root;
use std::collections::BTreeMap;

/// Configurations, and how they say where a secret is.
const CONFIGURATIONS: [&str; 3] =
    ["deploy/debian/meterline.toml", "deploy/compose/meterline.toml", "deploy/kubernetes/meterline.toml"];

#[test]
fn the_configurations_of_packages_and_containers_are_accepted() {
    for name in CONFIGURATIONS {
        let text = std::fs::read_to_string(root().join(name)).unwrap();
        let secrets = tempfile::tempdir().unwrap();
        let mut environment =
            BTreeMap::from([("CREDENTIALS_DIRECTORY".to_owned(), secrets.path().display().to_string())]);
        for (key, value) in text.lines().filter_map(|line| line.split_once(" = ")) {
            let value = value.split('"').nth(1).unwrap_or_default();
            if key.ends_with("_env") {
                environment.insert(value.to_owned(), "a secret of this test".to_owned());
            } else if key.ends_with("_file") && !key.starts_with('#') {
                let file = value.rsplit('/').next().unwrap();
                std::fs::write(secrets.path().join(file), "a secret of this test").unwrap();
            }
        }
        meterline::config::parse(name, &text, &environment).unwrap_or_else(|faults| panic!("{faults}"));
    }
}
