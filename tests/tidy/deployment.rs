//! The configurations of `deploy/` are accepted by the program, and the image has what it is built from.

use crate::assert_none;
use crate::source::{root, texts};
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

#[test]
fn the_image_is_built_from_every_file_that_the_program_includes() {
    let ignore = std::fs::read_to_string(root().join(".dockerignore")).unwrap();
    let kept: Vec<&str> = ignore.lines().filter_map(|line| line.strip_prefix('!')).collect();
    let is_kept = |file: &str| kept.iter().any(|kept| file == *kept || file.starts_with(&format!("{kept}/")));
    let mut included = vec!["askama.toml".to_owned()];
    for (_, text) in texts().into_iter().filter(|(path, _)| path.starts_with("src/") && !path.contains("tests")) {
        let targets = text.split("include_str!(\"").skip(1).filter_map(|rest| rest.split('"').next());
        let outside = targets.filter(|target| target.starts_with("../"));
        included.extend(outside.map(|target| target.trim_start_matches("../").to_owned()));
    }
    assert!(included.len() > 10, "{included:?}");
    included.retain(|file| !is_kept(file) && root().join(file).exists());
    assert_none(".dockerignore lets each included file through", &included);
}
