//! What scores before fine-tuning were worth, and what is recommended from that.

mod common;

use std::collections::BTreeMap;

use common::need;
use cutpoint::config::{Params, Setting};
use cutpoint::prelude::*;
use cutpoint::stats::{Choice, EvidenceCase, Policy};
use cutpoint::transfer::{TransferRecord, NETWORK};

/// Rows of scores and results by cut from 0; each repeat's scores by cut from 1.
fn files(scores: &[(Score, [[f64; 3]; 3])], accuracy: [f64; 4]) -> (TransferFile, ResultFile) {
    let (mut rows, mut records) = (Vec::new(), Vec::new());
    for repeat in 0..3u64 {
        for cut in 1..=3usize {
            let of: BTreeMap<String, f64> =
                scores.iter().map(|(score, values)| (score.to_string(), values[repeat as usize][cut - 1])).collect();
            let row = serde_json::json!({"Percentage": 0.01, "Repeat": repeat, "Layer": format!("conv{}", cut - 1),
                "Cut": cut, "Features": "channels", "Scores": of, "Images": 30, "Classes": 3, "SourceWeights": "w",
                "TargetImages": "t", "Seconds": 0.1});
            rows.push(serde_json::from_value::<TransferRecord>(row).unwrap());
        }
        for (cut, accuracy) in accuracy.iter().enumerate() {
            let off = 0.001 * repeat as f64;
            let row = serde_json::json!({"lr": 0.1, "sampled_percentage": 0.01, "sampled_cut_point": cut,
                "repeat": repeat, "train_acc": 1.0, "test_acc": accuracy + off});
            records.push(serde_json::from_value(row).unwrap());
        }
    }
    (TransferFile { records: rows }, ResultFile::new(Params { depth: 3, ..Params::default() }, records))
}

/// By hand: accuracies of cuts 0 to 3 are 0.5, 0.6, 0.8, 0.7 (medians 0.001 above).
#[test]
fn a_score_is_judged_by_the_cut_that_it_picks() {
    let good = [[1.0, 3.0, 2.0]; 3];
    let turns = [[3.0, 2.0, 1.0], [1.0, 3.0, 2.0], [2.0, 2.0, 2.0]];
    let (scores, results) = files(&[(Score::LogMe, good), (Score::HScore, turns)], [0.5, 0.6, 0.8, 0.7]);
    let cases = Case::all("a study", &scores, &results).unwrap();
    let case = &cases[0];
    assert_eq!(
        (cases.len(), case.cuts.clone(), case.repeats.clone(), case.images_per_class),
        (1, vec![0, 1, 2, 3], vec![0, 1, 2], 10.0)
    );
    // Where layers score alike the last is picked.
    assert_eq!(case.picks(Score::HScore), Some(vec![1, 2, 3]));
    assert_eq!(case.picks(Score::Ari), None);
    let found = judge(&cases);
    let regret = |choice: Choice| found.iter().find(|j| j.choice == choice).unwrap().regret;
    for (choice, expected) in [
        (Choice::Score(Score::LogMe), 0.0),
        (Choice::Score(Score::HScore), (0.2 + 0.0 + 0.1) / 3.0),
        (Choice::Always(0), 0.3),
        (Choice::Always(2), 0.0),
        (Choice::Random, 0.1),
    ] {
        let estimate = regret(choice);
        assert!((estimate.value - expected).abs() < 1e-12, "{choice}: {estimate:?}");
        assert!(estimate.low <= estimate.value + 1e-12 && estimate.value <= estimate.high + 1e-12, "{estimate:?}");
    }
    // Repeats 0 and 2 alone would give 0.15, repeat 1 alone nothing.
    let turns = regret(Choice::Score(Score::HScore));
    assert!(turns.low < 0.05 && turns.high > 0.15, "{turns:?}");
    let tau = |score: Score| found.iter().find(|j| j.choice == Choice::Score(score)).unwrap().tau.unwrap().value;
    // By turns -1/3, 1 and, of equal scores, 0.
    assert!((tau(Score::LogMe) - 1.0).abs() < 1e-12 && (tau(Score::HScore) - (1.0 - 1.0 / 3.0) / 3.0).abs() < 1e-12);
    let table = judgement_table(&found).to_string();
    assert!(
        table.contains("always cut 2") && table.contains("LogME") && table.contains("0.000 (0.000 to 0.000)*"),
        "{table}"
    );
    let lines = score_series(&scores, Some(&results), 0.01).unwrap();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[1].points, [(1.0, vec![0.0; 3]), (2.0, vec![1.0; 3]), (3.0, vec![0.5; 3])]);
    assert!(score_series(&scores, None, 0.5).unwrap_err().to_string().contains("0.01"));
    error_bar_plot(&lines, Over::Cut, "score").unwrap();
}

fn case(study: usize, of_cut: [f64; 4], log_me: f64, ari: f64) -> EvidenceCase {
    EvidenceCase {
        study: format!("study {study}"),
        setting: Setting::FR,
        percentage: 0.01,
        images_per_class: 50.0,
        repeats: 12,
        of_cut: of_cut.to_vec(),
        of_score: BTreeMap::from([(Score::LogMe, log_me), (Score::Ari, ari)]),
        random: of_cut[1..].iter().sum::<f64>() / 3.0,
    }
}

/// Eight studies in which cut 3 is always near the best, and a score that is far from it.
fn fixed_is_best() -> Evidence {
    Evidence {
        cases: (0..8).map(|i| case(i, [0.3, 0.2, 0.1, 0.001 * i as f64], 0.05 + 0.001 * i as f64, 0.1)).collect(),
    }
}

/// Eight studies in which the best cut moves, and a score follows it.
fn score_is_best() -> Evidence {
    let of_cut = |i: usize| if i % 2 == 0 { [0.3, 0.0, 0.1, 0.2] } else { [0.3, 0.2, 0.1, 0.0] };
    Evidence { cases: (0..8).map(|i| case(i, of_cut(i), 0.001 * i as f64, 0.1)).collect() }
}

#[test]
fn what_did_best_elsewhere_is_tried_on_each_study() {
    let mut evidence = fixed_is_best();
    // In one study the cut that is best elsewhere is bad: without it in sight, it is taken all the same.
    evidence.cases[7].of_cut = vec![0.3, 0.0, 0.1, 0.2];
    let rows = across(&evidence).unwrap();
    let row = |policy: Policy| rows.iter().find(|r| r.policy == policy).unwrap();
    let fixed = row(Policy::LearntCut);
    assert_eq!((fixed.regrets.len(), fixed.p_value, fixed.worst()), (8, None, 0.2));
    let expected = (0..7).map(|i| 0.001 * f64::from(i)).sum::<f64>() + 0.2;
    assert!((fixed.regret.value - expected / 8.0).abs() < 1e-12, "{fixed:?}");
    assert_eq!(row(Policy::LearntScore).regrets, row(Policy::Score(Score::LogMe)).regrets);
    // Eight differences of one sign of eight: 2 / 2^8.
    let alike = across(&fixed_is_best()).unwrap();
    let random = alike.iter().find(|r| r.policy == Policy::Random).unwrap();
    assert!((random.p_value.unwrap() - 2.0 / 256.0).abs() < 1e-12, "{random:?}");
    let table = across_table(&rows).to_string();
    assert!(table.contains("the cut that did best elsewhere") && table.contains("a cut at random"), "{table}");
    regret_plot(&rows).unwrap();
    // Two studies teach nothing that could be tried on a third.
    evidence.cases.truncate(2);
    assert!(across(&evidence).unwrap().is_empty() && regret_plot(&[]).is_err());
}

fn situation(picks: usize) -> Situation {
    let layer = |i: usize| BTreeMap::from([(Score::LogMe, f64::from(u8::from(i + 1 == picks))), (Score::Ari, 0.1)]);
    Situation {
        setting: Setting::FR,
        images_per_class: 40.0,
        layers: (0..3).map(layer).collect(),
        is_of_the_kind: true,
    }
}

#[test]
fn the_recommendation_is_no_surer_than_the_evidence() {
    let fixed = recommend(&fixed_is_best(), &situation(1)).unwrap();
    assert_eq!((fixed.cut, fixed.policy, fixed.studies, fixed.also.clone()), (3, Policy::LearntCut, 8, vec![1]));
    let expected = fixed.expected.unwrap();
    assert!((expected.value - 0.0035).abs() < 1e-12 && fixed.worst == Some(0.007), "{fixed:?}");
    let said = fixed.to_string();
    for part in [
        "Take cut 3; if there is time",
        "also cut 1",
        "no score is shown to do better",
        "LogME",
        "picks cut 1",
        "Expect to lose 0.00",
        "8 studies are few",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let scored = recommend(&score_is_best(), &situation(1)).unwrap();
    assert_eq!((scored.cut, scored.policy), (1, Policy::LearntScore));
    assert!(scored.to_string().contains("By LogME") && scored.expected.unwrap().value < 0.01, "{scored}");
    // Four studies cannot show a difference by Wilcoxon's test: the fixed cut stays.
    let few = Evidence { cases: score_is_best().cases[..4].to_vec() };
    assert_eq!(recommend(&few, &situation(1)).unwrap().policy, Policy::LearntCut);

    let other = Situation { is_of_the_kind: false, layers: vec![situation(1).layers[0].clone(); 9], ..situation(1) };
    let other = recommend(&fixed_is_best(), &other).unwrap();
    assert_eq!((other.cut, other.expected, other.worst), (9, None, None));
    assert!(
        other.to_string().contains("cannot be said: the evidence is of networks of 3 convolutions")
            && other.to_string().contains("9 blocks"),
        "{other}"
    );
    let many = recommend(&fixed_is_best(), &Situation { images_per_class: 5000.0, ..situation(1) }).unwrap();
    assert!(
        many.expected.is_none()
            && many.to_string().contains("5000 images of a class here, and the nearest evidence has about 50"),
        "{many}"
    );

    let none = recommend(&Evidence::default(), &situation(1)).unwrap_err().to_string();
    assert!(none.contains("`evidence`: expected 3 studies or more of setting FR"), "{none}");
    let ft = recommend(&fixed_is_best(), &Situation { setting: Setting::FT, ..situation(1) }).unwrap_err().to_string();
    assert!(ft.contains("setting FT"), "{ft}");
    assert!(recommend(&fixed_is_best(), &Situation { layers: vec![], ..situation(1) }).is_err());
}

/// What is built in is what the committed results say.
#[test]
fn the_evidence_is_that_of_the_committed_results() {
    let built_in = Evidence::built_in();
    let computed = Evidence::new(&gather(env!("CARGO_MANIFEST_DIR"), View::Channels).unwrap());
    assert!(built_in.cases.len() >= 20, "{}", built_in.cases.len());
    for ours in &built_in.cases {
        let is_it =
            |c: &&EvidenceCase| (&c.study, c.setting, c.percentage) == (&ours.study, ours.setting, ours.percentage);
        let theirs = computed.cases.iter().find(is_it).unwrap_or_else(|| panic!("no {ours:?}"));
        assert_eq!(
            (ours.repeats, &ours.of_cut, &ours.of_score, ours.random),
            (theirs.repeats, &theirs.of_cut, &theirs.of_score, theirs.random)
        );
    }
    assert_eq!(built_in.cases.len(), computed.cases.len());
    let rows = across(&built_in).unwrap();
    let of = |policy: Policy| rows.iter().find(|r| r.policy == policy && r.percentage == 0.001).unwrap();
    assert_eq!(of(Policy::LearntCut).regrets.len(), 8);
    // What the documentation says: at 0.1% always the same cut loses less than any score's.
    for score in Score::ALL {
        let found = of(Policy::Score(score));
        assert!(found.regret.value > of(Policy::LearntCut).regret.value && found.p_value.unwrap() < 0.05, "{found:?}");
    }
}

/// A sweep keeps each row at once and goes on where it stopped; a network of another depth is scored and advised as well.
#[test]
fn layers_of_a_small_network_are_scored_once_and_advised() {
    let dir = tempfile::tempdir().unwrap();
    let params = Params { depth: 2, num_channels: 4, device: Device::Cpu, ..Params::default() };
    let data = TransferLearningWrapper::new(&params, GLYPHS, GLYPHS, "data").unwrap();
    let model = CustomCnn::new(&params, data.source.classes.len(), data.input_shape()).unwrap();
    let (journal, path) = (dir.path().join("j.jsonl"), dir.path().join("scores.json"));
    let sweep = |repeats: u64| {
        let sweep = TransferSweep::new(&model, &data.target).percentages(&[0.02]).repeats(Repeats::Fixed(repeats));
        sweep.journal(&journal).file(&path).run().unwrap()
    };
    let first = sweep(1);
    let layers: Vec<_> = first.records.iter().map(|r| (r.layer.as_str(), r.cut)).collect();
    assert_eq!(layers, [(NETWORK, None), ("conv0", Some(1)), ("conv1", Some(2))]);
    assert!(first.records[0].leep.unwrap() < 0.0 && first.records[0].scores.is_empty());
    assert_eq!(first.records[1].scores.len(), Score::ALL.len(), "{:?}", first.records[1].left_out);
    let both = sweep(2);
    // Seconds too: the rows of the first repeat were not made again.
    assert_eq!((both.records.len(), &both.records[..3]), (6, &first.records[..]));
    assert_eq!(both.clone().add_to(&path).unwrap(), both);
    let images = data.target.train.select(data.target.reduced(0.02, 0).unwrap());
    for view in View::ALL {
        let features = LayerFeatures::new(&model, &images, view).unwrap();
        assert_eq!((features.len(), features.features().len()), (images.len(), 2));
        let width = if view == View::Flattened { 4 * 16 } else { 4 };
        assert!(features.features().iter().all(|f| f.dim() == (images.len(), width)), "{view}");
    }
    let features = LayerFeatures::new(&model, &images, View::Channels).unwrap();
    assert_eq!(features.scores(), first.layers(0.02, 0));
    let advice = recommend(&Evidence::built_in(), &Situation::of_features(&features, Setting::FR)).unwrap();
    assert!(
        advice.expected.is_none() && (0..=2).contains(&advice.cut) && advice.to_string().contains("2 blocks"),
        "{advice}"
    );
}

/// The published network, with the published results of its study: the scores pick cuts, and what those cost is known.
#[test]
fn scores_of_the_published_network_are_judged_by_the_published_results() {
    let folder = common::published().join("FashionMNIST");
    let weights = need!(common::published_files()).join("FashionMNIST/regular_classes.pth");
    let study = Study::find("FashionMNIST/regular").unwrap();
    let params = Params { device: Device::Cpu, ..study.params };
    let data = need!(common::data(&[FASHION_MNIST]));
    let data = TransferLearningWrapper::new(&params, study.source, study.target, data).unwrap();
    let mut model = CustomCnn::new(&params, params.pre_train_classes.len(), data.input_shape()).unwrap();
    model.load_state_dict(&Checkpoint::load(weights).unwrap().tensors).unwrap();
    let scores = TransferSweep::new(&model, &data.target).percentages(&[0.001]).run().unwrap();
    assert_eq!(scores.records.len(), 25 * 7);
    for setting in ["FR", "F", "FT"] {
        let results = ResultFile::load(folder.join(format!("cuts_regular_classes_{setting}.json"))).unwrap();
        let cases = Case::all("FashionMNIST/regular", &scores, &results.percentages(&[0.001])).unwrap();
        assert_eq!((cases.len(), cases[0].repeats.len(), cases[0].setting.to_string()), (1, 25, setting.to_owned()));
        for judgement in judge(&cases) {
            assert!((0.0..0.2).contains(&judgement.regret.value), "{judgement:?}");
        }
    }
}

/// What `notebooks/foretell.ipynb` calls, in its order.
#[test]
fn the_calls_of_the_notebook() {
    let folder = need!(common::data(&[FASHION_MNIST]));
    let root = env!("CARGO_MANIFEST_DIR");
    let exp = Experiment::of_study(&Study::find("FashionMNIST/regular").unwrap(), Profile::Cpu).files_below(root);
    let exp = exp.setting(Setting::FR).device(Device::Cpu);
    let data = exp.load_data(folder).unwrap();
    let source = exp.read_source_network(&data).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let sweep = exp.transfer_scores(&source, &data).percentages(&[0.001]).repeats(Repeats::Fixed(1));
    let scores = sweep.journal(dir.path().join("journal")).run().unwrap();
    let table = transfer_table(&scores.records).to_string();
    assert!(table.contains("conv5") && table.contains("LogME"), "{table}");
    let study = Study::find("FashionMNIST/regular").unwrap();
    let made = TransferFile::load(study.files(root).transfers()).unwrap().of(View::Channels);
    // The committed scores are those that this machine makes, but for the last digits of its processor.
    for ours in &scores.records {
        let is_it = |r: &&TransferRecord| (r.percentage, r.repeat, r.cut) == (ours.percentage, ours.repeat, ours.cut);
        let theirs = made.records.iter().find(is_it).unwrap();
        for (score, value) in &ours.scores {
            assert!((value - theirs.scores[score]).abs() < 1e-3, "{score}: {ours:?} {theirs:?}");
        }
    }
    let fine_tuned = ResultFile::load(study.files(root).cuts(Setting::FR)).unwrap();
    error_bar_plot(&score_series(&made, Some(&fine_tuned), 0.001).unwrap(), Over::Cut, "score").unwrap();
    let cases = gather(root, View::Channels).unwrap();
    let is_here = |c: &&Case| c.study == "FashionMNIST/regular" && c.setting == Setting::FR;
    let here: Vec<Case> = cases.iter().filter(is_here).cloned().collect();
    let judged = judgement_table(&judge(&here));
    assert_eq!(judged, judgement_table(&exp.foretold().unwrap()));
    let over_all = across(&Evidence::new(&cases)).unwrap();
    assert!(across_table(&over_all).to_string().contains("nearest class mean"));
    let of_fr: Vec<Across> = over_all.iter().filter(|row| row.setting == Setting::FR).cloned().collect();
    regret_plot(&of_fr).unwrap();
    let advice = exp.recommend(&source, &data, 0.001).unwrap();
    assert_eq!((advice.cut, advice.policy, advice.studies), (5, Policy::LearntCut, 7));
    assert!(advice.expected.unwrap().value < 0.01, "{advice}");
}
