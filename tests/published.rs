//! The tables in `published/` beside the files that they were made from.

mod common;

use common::need;
use serde_json::Value;

#[test]
fn tables_say_what_the_published_files_say() {
    let folder = need!(common::published_files());
    let mut names: Vec<String> = Vec::new();
    for set in ["FashionMNIST", "MNIST"] {
        let files = std::fs::read_dir(folder.join(set)).unwrap().map(|f| f.unwrap().file_name());
        names.extend(files.map(|name| format!("{set}/{}", name.to_str().unwrap())).filter(|n| !n.ends_with(".pth")));
    }
    names.sort();
    let ours = common::published_texts();
    assert_eq!(ours.keys().collect::<Vec<_>>(), names.iter().collect::<Vec<_>>());
    for (name, text) in ours {
        let theirs = std::fs::read_to_string(folder.join(&name)).unwrap();
        if name.ends_with(".json") {
            // Files differ in where they break lines. Values are compared as numbers, to the last digit.
            let parsed = |text: &str| serde_json::from_str::<Value>(text).unwrap();
            assert!(parsed(&text) == parsed(&theirs), "{name}");
        } else {
            assert_eq!(text, theirs, "{name}");
        }
    }
}

/// The parameters, then five percentages, seven cuts, and 25, 25, 20, 5 and 5 repeats.
#[test]
fn tables_hold_every_run_of_the_published_grid() {
    let files = common::published_texts();
    assert_eq!(files.len(), 13);
    for (name, elements) in [
        ("FashionMNIST/baselines_regular_classes.json", 81),
        ("FashionMNIST/cuts_regular_classes_F.json", 561),
        ("FashionMNIST/cuts_regular_classes_FR.json", 561),
        ("FashionMNIST/cuts_regular_classes_FT.json", 561),
        ("FashionMNIST/regular_classes_cluster.json", 480),
        ("MNIST/baselines_regular_classes.json", 81),
        ("MNIST/cuts_regular_classes_FR.json", 561),
    ] {
        let list: Vec<Value> = serde_json::from_str(&files[name]).unwrap();
        assert_eq!(list.len(), elements, "{name}");
    }
}
