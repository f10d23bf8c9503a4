//! The published results, written from the tables in `published/` in the form that the study published them in.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::{json, Map, Value};

const PARAMETERS: &str = include_str!("../../published/parameters.json");
const ACCURACIES: &str = include_str!("../../published/accuracies.csv");
const CLUSTERINGS: &str = include_str!("../../published/clusterings.csv");
const RANKS: &str = include_str!("../../published/ranks.csv");
const WILCOXON: &str = include_str!("../../published/wilcoxon.csv");

/// The folder with the published results: MNIST/ and FashionMNIST/, without the weights.
pub fn published() -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let write = || {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("published");
        for (name, text) in published_texts() {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            // Moved into place whole: another run of the tests may be reading.
            let file = tempfile::NamedTempFile::new_in(&folder).unwrap();
            fs::write(file.path(), text).unwrap();
            file.persist(path).unwrap();
        }
        folder
    };
    FOLDER.get_or_init(write).clone()
}

/// Every published file but the weights: its name below the folder, and its text.
pub fn published_texts() -> BTreeMap<String, String> {
    let mut texts = BTreeMap::new();
    for (experiment, parameters) in serde_json::from_str::<Map<String, Value>>(PARAMETERS).unwrap() {
        let (set, setting) = experiment.split_once(' ').unwrap();
        let name = match setting {
            "baseline" => format!("{set}/baselines_regular_classes.json"),
            _ => format!("{set}/cuts_regular_classes_{setting}.json"),
        };
        let file = [vec![parameters], runs(set, setting)].concat();
        texts.insert(name, Value::Array(file).to_string());
        for (question, table) in [("ranks", RANKS), ("wilcoxon", WILCOXON)] {
            let rows = rows_of(table, set, setting);
            if !rows.is_empty() {
                let header = table.lines().next().unwrap().strip_prefix("data_set,setting,").unwrap();
                let lines = [&[header], &rows[..], &[""]].concat();
                texts.insert(format!("{set}/{question}_regular_classes_{setting}.csv"), lines.join("\n"));
            }
        }
    }
    let clusterings = Value::Array(CLUSTERINGS.lines().skip(1).map(clustering).collect());
    texts.insert("FashionMNIST/regular_classes_cluster.json".to_owned(), clusterings.to_string());
    texts
}

/// The rows of one experiment, without the two columns that name it.
fn rows_of<'a>(table: &'a str, set: &str, setting: &str) -> Vec<&'a str> {
    let start = format!("{set},{setting},");
    table.lines().filter_map(|line| line.strip_prefix(&start)).collect()
}

/// The runs of one experiment: a line of the table has those of one percentage and cut, in the order of repeats.
fn runs(set: &str, setting: &str) -> Vec<Value> {
    let mut runs = Vec::new();
    for line in rows_of(ACCURACIES, set, setting) {
        let [percentage, cut, train_images, train_correct, test_images, test_correct] = fields(line);
        let accuracies = |correct: &str, images: &str| -> Vec<f64> {
            correct.split(' ').map(|count| count.parse::<f64>().unwrap() / images.parse::<f64>().unwrap()).collect()
        };
        let (train, test) = (accuracies(train_correct, train_images), accuracies(test_correct, test_images));
        assert_eq!(train.len(), test.len(), "{line}");
        for (repeat, (train_acc, test_acc)) in train.iter().zip(test).enumerate() {
            runs.push(json!({"lr": 0.001, "sampled_percentage": number(percentage), "sampled_cut_point": number(cut),
                "repeat": repeat, "train_acc": train_acc, "test_acc": test_acc}));
        }
    }
    runs
}

fn clustering(line: &str) -> Value {
    let [percentage, repeat, layer, precision, recall, accuracy, ari] = fields(line);
    json!({"Percentage": number(percentage), "Repeat": number(repeat), "Layer": layer, "Precision": number(precision),
        "Recall": number(recall), "Accuracy": number(accuracy), "ARI": number(ari), "Dataset": "Finetune",
        "Split": "Train"})
}

fn fields<const N: usize>(line: &str) -> [&str; N] {
    line.split(',').collect::<Vec<_>>().try_into().unwrap()
}

/// A number as JSON has it: 1 and 1.0 stay apart, as they are in the published files.
fn number(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}
