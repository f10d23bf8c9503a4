//! Networks of blocks in use: frozen blocks stay as they were, cuts, sweeps, figures, the command line, and bad input.

mod common;

use std::path::Path;

use cutpoint::prelude::*;
use tch::{nn, Kind, Tensor};

/// A convolution with batch normalisation, and a shortcut around both.
struct Residual(usize);

impl Block for Residual {
    fn layers(&self) -> Vec<Layer> {
        vec![Layer::conv("conv", self.0, self.0, 3).bias(false), Layer::norm("bn", self.0)]
    }

    fn forward(&self, layers: &Layers, x: &Tensor) -> Result<Tensor> {
        Ok((layers.apply("bn", &layers.apply("conv", x)?)? + x).relu())
    }
}

/// One block of modules and two of a trait.
fn mine(classes: usize) -> Network {
    let config = nn::ConvConfig { stride: 2, padding: 1, ..Default::default() };
    Network::of("mine", [1, 28, 28])
        .modules("stem", move |p| {
            let (conv, bn) =
                (nn::conv2d(p / "conv", 1, 6, 3, config), nn::batch_norm2d(p / "bn", 6, Default::default()));
            move |x, train| x.apply(&conv).apply_t(&bn, train).relu()
        })
        .block("one", Residual(6))
        .block("two", Residual(6))
        .build(classes)
        .unwrap()
}

fn glyphs() -> (Params, TransferLearningWrapper) {
    let params = Params { num_train: 2, batch_size: 16, device: Device::Cpu, ..Params::default() };
    let data = TransferLearningWrapper::new(&params, GLYPHS, GLYPHS, "data").unwrap();
    (params, data)
}

fn named<'s>(state: &'s [(String, Tensor)], name: &str) -> &'s Tensor {
    &state.iter().find(|(n, _)| n == name).unwrap().1
}

#[test]
fn a_frozen_block_is_bit_identical_after_training_and_a_trained_one_is_not() {
    let (params, mut data) = glyphs();
    data.update_phase(Phase::Finetune);
    let source = mine(5);
    for frozen in 0..=3 {
        let cut = Cut { point: CutPoint::After(frozen), setting: Setting::F, reinit_both_dense: true };
        let mut network = source.cut(cut, 5, 1).unwrap();
        let before = network.deep_clone().unwrap().state_dict();
        let train = data.reduced_train(0.1, 0).unwrap();
        Trainer::new(&mut network, &data, 0.01, &params).unwrap().on(train).unwrap().train().unwrap();
        let after = network.state_dict();
        for (i, block) in ["stem.", "one.", "two."].iter().enumerate() {
            for (name, old) in before.iter().filter(|(n, _)| n.starts_with(block)) {
                let same = old == named(&after, name);
                assert_eq!(same, i < frozen, "{name} with {frozen} frozen blocks");
            }
        }
        assert_ne!(named(&before, "fc.weight"), named(&after, "fc.weight"));
    }
}

#[test]
fn renewed_blocks_have_fresh_weights_and_statistics_and_copies_share_nothing() {
    let mut source = mine(5);
    let state: Vec<_> = source.state_dict().into_iter().map(|(n, t)| (n, t.ones_like() * 3)).collect();
    source.load_state_dict(&state).unwrap();
    let cut = |setting| source.cut(Cut { point: CutPoint::After(1), setting, reinit_both_dense: true }, 3, 7).unwrap();
    let fresh = cut(Setting::FR).state_dict();
    assert_eq!(named(&fresh, "stem.bn.running_mean").double_value(&[0]), 3.0);
    assert_eq!(named(&fresh, "one.bn.running_var").double_value(&[0]), 1.0);
    assert_eq!(named(&fresh, "one.bn.weight").double_value(&[2]), 1.0);
    assert!(named(&fresh, "two.conv.weight").abs().max().double_value(&[]) < 1.0 / 54f64.sqrt());
    assert_eq!(fresh, cut(Setting::FR).state_dict(), "the same repeat draws the same numbers");
    let short = cut(Setting::FT);
    assert_eq!(short.block_names(), ["stem"]);
    assert_eq!(short.shape_before(1).unwrap(), [6, 14, 14]);
    let copy = source.deep_clone().unwrap();
    tch::no_grad(|| source.state_dict().iter().for_each(|(_, t)| drop(t.shallow_clone().zero_())));
    assert!(copy.state_dict().iter().all(|(_, t)| t.abs().min().double_value(&[]) == 3.0));
}

/// With the study's pooling, strides and widths, the network with more freedom is the study's, to the last bit.
#[test]
fn a_stack_of_convolutions_is_the_studys_network_where_it_says_so() {
    let params = Params { depth: 4, num_channels: 8, device: Device::Cpu, ..Params::default() };
    let study = CustomCnn::new(&params, 5, [1, 28, 28]).unwrap();
    let stack = Convolutions { widths: vec![8; 4], ..Convolutions::default() };
    let network = stack.network([1, 28, 28]).unwrap().build(5).unwrap();
    assert_eq!(network.state_dict(), study.state_dict(), "names, order and initial values");
    let x = (Tensor::arange(7 * 784, (Kind::Float, tch::Device::Cpu)) * 0.37).sin().view([7, 1, 28, 28]);
    assert_eq!(network.forward(&x).unwrap(), study.forward(&x).unwrap());
    let cut = |setting| Cut { point: CutPoint::After(2), setting, reinit_both_dense: true };
    for setting in Setting::ALL {
        let (a, b) = (network.cut(cut(setting), 3, 9).unwrap(), study.cut(cut(setting), 3, 9).unwrap());
        assert_eq!(a.state_dict(), b.state_dict(), "{setting}");
    }
    let wide = Convolutions {
        widths: vec![4, 8, 16],
        strides: vec![1, 2, 1],
        pooling: PoolingKind::Max,
        pooling_every: 3,
        hidden: Some(10),
        ..Convolutions::default()
    };
    let network = wide.network([3, 32, 32]).unwrap().build(7).unwrap();
    assert_eq!(network.shape_before(3).unwrap(), [16, 8, 8]);
    assert_eq!(named(&network.state_dict(), "fc_2.weight").size(), [7, 10]);
}

#[test]
fn a_sweep_of_ones_own_network_gives_the_same_rows_with_and_without_stored_activations() {
    let (params, data) = glyphs();
    let source = mine(5);
    let sweep = |bytes| {
        let sweep = Sweep::new(&params, &source, &data).unwrap().percentages(&[0.05]).cuts([0, 2, 3]);
        let results = sweep.repeats(Repeats::Fixed(2)).memory_budget(bytes).progress(std::sync::Arc::new(Silent));
        let dir = tempfile::tempdir().unwrap();
        let results = results.journal(dir.path().join("j.jsonl")).run().unwrap();
        assert_eq!(results.params.depth, 3);
        assert!(results.params.other["network"].as_str().unwrap().starts_with("mine of 3 blocks"));
        results.records.into_iter().map(|r| (r.sampled_cut_point, r.repeat, r.test_acc, r.epochs)).collect::<Vec<_>>()
    };
    let stored = sweep(1 << 30);
    assert_eq!(stored.len(), 6);
    assert_eq!(stored, sweep(1));
}

/// A convolution of a stride, which no shape of a weight tells.
struct Strided(usize);

impl Block for Strided {
    fn layers(&self) -> Vec<Layer> {
        vec![Layer::conv("conv", 1, 4, 3).stride(self.0)]
    }

    fn forward(&self, layers: &Layers, x: &Tensor) -> Result<Tensor> {
        Ok(layers.apply("conv", x)?.relu())
    }
}

#[test]
fn networks_that_compute_something_else_have_other_descriptions() {
    let usual = || Convolutions { widths: vec![4; 4], ..Convolutions::default() };
    let of = |stack: Convolutions| stack.network([1, 32, 32]).unwrap().build(3).unwrap().architecture();
    let mut all = vec![
        of(usual()),
        of(Convolutions { strides: vec![1, 2, 1, 1], ..usual() }),
        of(Convolutions { strides: vec![1, 1, 2, 1], ..usual() }),
        of(Convolutions { pooling: PoolingKind::Max, ..usual() }),
        of(Convolutions { pooling: PoolingKind::None, ..usual() }),
        of(Convolutions { pooling_every: 4, ..usual() }),
        of(Convolutions { pooling_stride: 1, ..usual() }),
        of(Convolutions { activation: Activation::Tanh, ..usual() }),
        of(Convolutions { hidden: Some(10), ..usual() }),
        of(Convolutions { hidden: Some(20), ..usual() }),
        of(Convolutions { kernel_size: 5, ..usual() }),
    ];
    let strided = |stride| Network::of("strided", [1, 9, 9]).block("one", Strided(stride)).build(2).unwrap();
    all.extend([1, 2, 3].map(|stride| strided(stride).architecture()));
    for (i, text) in all.iter().enumerate() {
        assert!(!all[..i].contains(text), "{text} is there twice");
    }
    // Poolings that are never made, and a stride for each convolution that is one for all, are no difference.
    let none = Convolutions { pooling: PoolingKind::None, ..usual() };
    assert_eq!(of(Convolutions { pooling_every: 3, ..none.clone() }), of(none));
    assert_eq!(of(Convolutions { strides: vec![1; 4], ..usual() }), of(usual()));
    let classes = |n| strided(2).cut(Cut::new(&Params::default(), 1).unwrap(), n, 0).unwrap().architecture();
    assert_eq!(classes(3), classes(7), "the classes are no part of it");
}

/// Rows that came with the program are known by it.
#[test]
fn a_built_in_network_is_described_as_in_the_files_that_there_are() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("results/CIFAR10_animals_lite0");
    let said = ResultFile::load(folder.join("cuts_own_classes_FT.json")).unwrap().provenance().network.unwrap();
    let lite = Builtin::EfficientNetLite0;
    assert_eq!(Network::builtin(lite, 6, lite.preparation(48)).unwrap().architecture(), said);
}

/// Blocks of a network may be more than `depth`, which is the study's.
#[test]
fn a_single_run_is_cut_where_the_network_can_be_cut() {
    let (params, data) = glyphs();
    let stack = Convolutions { widths: vec![2; 8], pooling_every: 4, ..Convolutions::default() };
    let network = stack.network([1, 28, 28]).unwrap().build(5).unwrap();
    let run = |cut| fine_tune(&network, &data, &params, Row::new(0.01, cut, 0).unwrap(), 1, false);
    assert_eq!(run(8).unwrap().record.sampled_cut_point, 8);
    assert!(message(run(9)).contains("-1 (the baseline) or 0 to 8"));
    // So may the points that such a network is cut at.
    let cut = network.cut(Cut::new(&params, 8).unwrap(), 5, 0).unwrap();
    assert!(params.depth < 8 && cut.depth() == 8);
    assert!(message(network.cut(Cut::new(&params, 9).unwrap(), 5, 0)).contains("-1 (the baseline) or 0 to 8"));
    assert!(message(Cut::new(&params, -2)).contains("-1 (the baseline)"));
    let short = mine(5);
    let error = message(fine_tune(&short, &data, &params, Row::new(0.01, 4, 0).unwrap(), 1, false));
    assert!(error.contains("-1 (the baseline) or 0 to 3"), "{error}");
}

#[test]
fn a_training_of_a_network_that_diverges_is_said_to_and_leaves_it_as_it_was() {
    let (params, mut data) = glyphs();
    let wild = Params { lr_pretrain: 1e30, lr_fine_tune: 1e30, batch_size: 512, ..params };
    let wild = Params { early_stop_patience: Some(1), ..wild };
    let mut network = mine(5);
    let before = network.deep_clone().unwrap().state_dict();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("w.safetensors");
    let error = pretrained(&mut network, &mut data, &wild, "wild", &file).err().unwrap();
    assert!(error.to_string().contains("w.safetensors: expected finite weights in "), "{error}");
    let error = cutpoint::train::pretrain(&mut network, &mut data, &wild, "wild").err().unwrap();
    assert!(matches!(error, Error::Diverged(_)), "{error}");
    assert_eq!(network.state_dict(), before);
    data.update_phase(Phase::Pretrain);
    let trained = Trainer::new(&mut network, &data, 1e30, &wild).unwrap().train();
    assert!(matches!(trained, Err(Error::Diverged(_))), "{trained:?}");
    assert_eq!(network.state_dict(), before);
    let run = fine_tune(&network, &data, &wild, Row::new(1.0, 0, 0).unwrap(), 1, false);
    assert!(matches!(run, Err(Error::Diverged(_))), "{run:?}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// What a network begins with decides what it is trained to, and no parameter says it.
#[test]
fn source_weights_of_other_first_weights_are_refused() {
    let (params, mut data) = glyphs();
    let params = Params { num_train: 1, batch_size: 512, ..params };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("w.safetensors");
    let of = |seed| {
        let stack = Convolutions { widths: vec![2, 2], ..Convolutions::default() };
        stack.network([1, 28, 28]).unwrap().rng(TorchRng::new(seed)).build(5).unwrap()
    };
    let mut network = of(0);
    pretrained(&mut network, &mut data, &params, "own", &file).unwrap();
    // Again, with the weights that it has now, and with those that it had.
    pretrained(&mut network, &mut data, &params, "own", &file).unwrap();
    let mut same = of(0);
    pretrained(&mut same, &mut data, &params, "own", &file).unwrap();
    assert_eq!(same.state_dict(), network.state_dict());
    let error = message(pretrained(&mut of(1), &mut data, &params, "own", &file));
    assert!(error.contains("`first_weights`") && error.contains("w.safetensors"), "{error}");
    // Files of earlier programs do not say it.
    let mut earlier = Checkpoint::load(&file).unwrap();
    let mut said: serde_json::Value = serde_json::from_str(&earlier.text).unwrap();
    said["identity"].as_object_mut().unwrap().shift_remove("first_weights").unwrap();
    earlier.text = said.to_string();
    earlier.save(&file).unwrap();
    pretrained(&mut of(1), &mut data, &params, "own", &file).unwrap();
}

#[test]
fn a_study_of_own_images_is_checked_before_and_notes_where_weights_come_from() {
    let images = Dataset::load(GLYPHS, None, &Silent).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let study = |lr_fine_tune| {
        let stack = Convolutions { widths: vec![2, 2], ..Convolutions::default() };
        let network = stack.network([1, 28, 28]).unwrap().build(2).unwrap();
        let params = Params { num_train: 1, batch_size: 512, lr_fine_tune, device: Device::Cpu, ..Params::default() };
        ImageStudy::new("own", &images, Some(&[0, 1]), Some(&[2, 3]), network, params).unwrap()
    };
    let once = Repeats::Fixed(1);
    let mut first = study(0.001);
    first.check(&[0.01], [-1, 1], once, folder.path()).unwrap();
    assert!(message(first.check(&[0.01], [3], once, folder.path())).contains("`cut`"));
    assert!(message(first.check(&[1e-9], [1], once, folder.path())).contains("`percentage`"));
    let pretraining = first.params.clone();
    first.pretrained(&pretraining, folder.path()).unwrap().unwrap();
    let sweep = first.sweep_below(folder.path()).unwrap().fractions(&[0.01]).cuts([-1, 1]).repeats(once);
    let results = sweep.progress(std::sync::Arc::new(Silent)).run().unwrap();
    let files = first.files(folder.path());
    assert_eq!(results.written(), [files.baselines(), files.cuts(Setting::FR)]);
    let origin = ResultFile::load(files.cuts(Setting::FR)).unwrap().provenance().source_origin.unwrap();
    assert!(origin.study == "own" && origin.network.starts_with("convolutions of 2 blocks"), "{origin:?}");
    // Rows of other parameters do not go into these files, which is said before anything is trained.
    std::fs::remove_file(&files.weights).unwrap();
    let error = message(study(0.002).check(&[0.01], [1], once, folder.path()));
    assert!(error.contains("`lr_fine_tune`"), "{error}");
}

/// Learning rates, clipping, labels, decay and changes of images are drawn and counted by the run alone, so that a sweep
/// that was stopped goes on to the rows of one that was not.
#[test]
fn a_sweep_with_a_recipe_goes_on_to_the_same_rows() {
    let folder = tempfile::tempdir().unwrap();
    let (params, data) = glyphs();
    let source = Convolutions { widths: vec![4; 3], ..Convolutions::default() };
    let source = source.network([1, 28, 28]).unwrap().build(5).unwrap();
    let recipe = Recipe {
        schedule: Schedule::OneCycle,
        block_decay: 0.5,
        clip: Some(0.5),
        label_smoothing: 0.1,
        augmentation: Augmentation { crop: 2, flip: true },
        ..Recipe::default()
    };
    let optimizer = Some(Optimizer::named("adamw", 0.001, Some(0.05)).unwrap());
    let with = Params { recipe, optimizer, num_train: 3, batch_size: 32, ..params };
    let sweep = |params: &Params, journal: &str, cuts: &[i64]| {
        let sweep = Sweep::new(params, &source, &data).unwrap().percentages(&[0.02]).cuts(cuts.iter().copied());
        let sweep = sweep.repeats(Repeats::Fixed(2)).journal(folder.path().join(journal));
        let rows = sweep.progress(std::sync::Arc::new(Silent)).run().unwrap();
        let lines = std::fs::read_to_string(folder.path().join(journal)).unwrap().lines().count();
        let timeless = rows.records.iter().map(|r| Record { seconds: None, ..r.clone() }).collect::<Vec<_>>();
        (rows, timeless, lines)
    };
    let (file, whole, eight) = sweep(&with, "whole", &[-1, 1, 2, 3]);
    assert_eq!(sweep(&with, "parts", &[-1, 2]).2, 4);
    assert_eq!(sweep(&with, "parts", &[-1, 1, 2, 3]).1, whole);
    assert_eq!(sweep(&with, "parts", &[-1, 1, 2, 3]).2, eight);
    let single = fine_tune(&source, &data, &with, Row::new(0.02, 1, 1).unwrap(), 1, false).unwrap().record;
    assert!(whole.contains(&Record { seconds: None, ..single }));
    // The header says the recipe, is read again, and knows its rows.
    let path = folder.path().join("cuts.json");
    file.save(&path).unwrap();
    let read = ResultFile::load(&path).unwrap();
    assert_eq!((read.params.recipe, read.params.optimizer), (recipe, optimizer));
    assert!(std::fs::read_to_string(&path).unwrap().contains(r#""schedule":"one-cycle""#));
    // What differs in any part, or runs for longer, is another run.
    let longer = Params { num_train: 4, ..with.clone() };
    let plain = Params { recipe: Recipe { label_smoothing: 0.0, ..recipe }, ..with.clone() };
    for (i, other) in [longer, plain, Params { optimizer: None, ..with }].iter().enumerate() {
        let (_, rows, lines) = sweep(other, "parts", &[-1, 1, 2, 3]);
        assert_eq!(lines, eight * (i + 2));
        assert_ne!(rows, whole);
    }
}

#[test]
fn figures_and_tables_of_ones_own_network_name_its_blocks() {
    let (_, data) = glyphs();
    let network = mine(5);
    let svg = architecture(&network).unwrap().to_svg().unwrap();
    assert!(["stem", "one", "two", "head", "6 x 14 x 14"].iter().all(|text| svg.contains(text)));
    assert!(network.to_string().contains("one               6 x 14 x 14         336  trained"), "{network}");
    filters(&network).unwrap().to_svg().unwrap();
    let maps = feature_maps(&network, &data.target.test, 0).unwrap().to_svg().unwrap();
    assert!(maps.contains("stem") && maps.contains("two"));
    let ranks = network.ranks().unwrap();
    assert_eq!(ranks.iter().map(|(n, _)| n.as_str()).collect::<Vec<_>>(), ["stem.conv", "one.conv", "two.conv"]);
    assert!(ranks.iter().all(|(_, rank)| (1.0..=6.0).contains(rank)));
    let few = data.target.test.select(0..40);
    let features = FeatureTable::new(&network, &few).unwrap();
    assert_eq!((features.depth(), features.layer(1).unwrap().layer.as_str()), (3, "one"));
}

fn message<T>(result: Result<T>) -> String {
    result.err().unwrap().to_string()
}

#[test]
fn bad_weights_are_told_by_name() {
    let mut network = mine(5);
    let state = |change: &dyn Fn(&mut Vec<(String, Tensor)>)| {
        let mut state = mine(5).state_dict();
        // Modules make their biases first.
        let at = state.iter().position(|(name, _)| name == "stem.conv.weight").unwrap();
        state.swap(0, at);
        change(&mut state);
        state
    };
    let text = message(network.load_state_dict(&state(&|s| drop(s.remove(0)))));
    assert!(text.contains("1 missing (stem.conv.weight)"), "{text}");
    let text = message(network.load_state_dict(&state(&|s| s[0].0 = "layer9.weight".to_owned())));
    assert!(text.contains("missing (stem.conv.weight)") && text.contains("unknown (layer9.weight)"), "{text}");
    let text = message(
        network.load_state_dict(&state(&|s| s[0].1 = Tensor::zeros([6, 1, 5, 5], (Kind::Float, tch::Device::Cpu)))),
    );
    assert!(text.contains("stem.conv.weight of shape [6, 1, 3, 3], found [6, 1, 5, 5]"), "{text}");
    let text = message(network.load_state_dict(&state(&|s| s[0].1 = s[0].1.full_like(f64::NAN))));
    assert!(text.contains("finite numbers in stem.conv.weight, found NaN"), "{text}");
    let said = network.load_state_dict(&mine(9).state_dict()).unwrap().unwrap();
    assert!(said.contains("9 outputs, and this network 5: it is new"), "{said}");
}

#[test]
fn networks_that_cannot_be_are_refused() {
    let text = message(Network::builtin(Builtin::Vgg11, 5, Preparation::imagenet(16)));
    assert!(text.contains("larger images, or fewer blocks") && text.contains("16 x 16"), "{text}");
    let text = message(Network::builtin(Builtin::ResNet18, 1, Preparation::imagenet(32)));
    assert!(text.contains("at least two classes"), "{text}");
    let text = message("resnet19".parse::<Builtin>());
    assert!(text.contains("resnet18") && text.contains("found resnet19"), "{text}");
    let twice = Network::of("twice", [3, 8, 8]).block("a", Residual(3)).block("a", Residual(3)).build(2);
    assert!(message(twice).contains("blocks with names of their own, found a"));
    let unlike = Network::of("unlike", [3, 8, 8]).block("a", Residual(6)).build(2);
    assert!(message(unlike).contains("6 inputs of conv (in block `a`)"));
    let panics = Network::of("panics", [3, 8, 8]).modules("bad", |_| |x: &Tensor, _| x.view([7, 7])).build(2);
    assert!(message(panics).contains("a block `bad` that takes what comes in"));
}

#[test]
fn one_image_a_batch_is_refused_under_batch_normalisation_that_is_trained() {
    let (params, mut data) = glyphs();
    data.update_phase(Phase::Finetune);
    let train = data.target.train.select(0..17);
    let train_with = |blocks| {
        let mut network = mine(5)
            .cut(Cut { point: CutPoint::After(blocks), setting: Setting::F, reinit_both_dense: true }, 5, 1)
            .unwrap();
        Trainer::new(&mut network, &data, 0.01, &params).unwrap().on(train.clone()).unwrap().train()
    };
    let text = message(train_with(1));
    assert!(text.contains("`batch_size`") && text.contains("no batch of one of the 17 training images"), "{text}");
    train_with(3).unwrap();
}

/// A folder of drawn signs, and ResNet-18 with weights from a file, from the command line.
#[test]
fn resnet18_on_a_folder_of_images_from_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let (images, weights) = (folder.path().join("signs"), folder.path().join("resnet18.safetensors"));
    Dataset::load(GLYPHS, None, &Silent).unwrap().save_folder(&images, 12).unwrap();
    let preparation = Builtin::ResNet18.preparation(32);
    Network::builtin(Builtin::ResNet18, 20, preparation).unwrap().save(&weights).unwrap();
    let run = |more: &[&str]| {
        let mut command = common::cutpoint();
        command.current_dir(folder.path()).args([
            "sweep",
            "--folder",
            "signs",
            "--network",
            "resnet18",
            "--size",
            "32",
        ]);
        command.args(["--target-classes", "0,1,2", "--percentages", "0.5", "--repeats", "1"]);
        command.args(["--epochs", "1", "--device", "cpu", "--workers", "1"]).args(more);
        for [option, value] in [["--cuts", "-1,4,8"], ["--batch-size", "8"]] {
            if !more.contains(&option) {
                command.args([option, value]);
            }
        }
        command.output().unwrap()
    };
    let file = ["--weights", weights.to_str().unwrap()];
    let output = run(&file);
    assert!(output.status.success(), "{}", common::stderr(&output));
    let path = folder.path().join("results/signs_resnet18/cuts_own_classes_FR.json");
    let results = ResultFile::load(&path).unwrap();
    assert_eq!(results.records.iter().map(|r| r.sampled_cut_point).collect::<Vec<_>>(), [4, 8]);
    assert!(results.params.other["network"].as_str().unwrap().starts_with("resnet18 of 9 blocks"));
    assert!(path.with_file_name("baselines_own_classes.json").exists());
    let again = run(&file);
    assert!(common::stderr(&again).contains("all 3 rows are done already"), "{}", common::stderr(&again));
    // What cannot work is said before anything is computed.
    for (more, code, said) in [
        (&[][..], 2, "weights of a source network"),
        (&[file[0], file[1], "--batch-size", "7", "--out", "elsewhere"][..], 2, "no batch of one of the 15"),
        (&[file[0], file[1], "--cuts", "10"][..], 2, "`cut`"),
        (&["--weights", "no.pth"][..], 1, "no.pth"),
        (&[file[0], file[1], "--depth", "3"][..], 2, "`depth`"),
        (&[file[0], file[1], "--or-glyphs"][..], 2, "`or-glyphs`"),
        (&[file[0], file[1], "--data", "."][..], 2, "`data`"),
        (&[file[0], file[1], "--pretrain-epochs", "3"][..], 2, "`pretrain-epochs`"),
        (&[file[0], file[1], "--lr-pretrain", "0.1"][..], 2, "`lr-pretrain`"),
    ] {
        let output = run(more);
        let text = common::stderr(&output);
        assert!(output.status.code() == Some(code) && text.contains(said), "{more:?}: {:?} {text}", output.status);
    }
    assert!(Path::new(&weights).exists());
    let mut command = common::cutpoint();
    let output = command.args(["stats", "weights"]).arg(&path).output().unwrap();
    let text = common::stderr(&output);
    assert!(output.status.code() == Some(2) && text.contains("files of the study's network"), "{text}");
}
