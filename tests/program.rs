//! The program as a stranger uses it: what it prints, what it says of bad input, what it leaves behind.

mod common;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use common::{cutpoint, need, stderr, stdout, succeed};
use cutpoint::data::{places, FASHION_MNIST, MNIST};
use cutpoint::model::Checkpoint;

/// Runs in an empty folder of its own, so that no ./data is found and nothing is left behind.
fn run(arguments: &[&str]) -> Output {
    run_in(tempfile::tempdir().unwrap().path(), arguments)
}

fn run_in(folder: &Path, arguments: &[&str]) -> Output {
    cutpoint().current_dir(folder).args(arguments).output().unwrap()
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut list = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            list.extend(files_below(&path));
        } else {
            list.push(path);
        }
    }
    list
}

#[test]
fn help_teaches_every_command() {
    let help = stdout(&succeed(cutpoint().arg("--help")));
    for command in ["data", "pretrain", "finetune", "sweep", "cluster", "show", "stats", "plot", "convert"] {
        assert!(help.contains(&format!("\n  {command} ")), "{help}");
        let own = stdout(&succeed(cutpoint().args([command, "--help"])));
        assert!(own.lines().count() > 8, "{own}");
    }
}

#[test]
fn wrong_options_and_parameters_exit_with_2_and_failures_with_1() {
    for (arguments, code, expected) in [
        (vec!["dance"], 2, "unrecognized subcommand"),
        (vec!["sweep", "Atlantis"], 2, "FashionMNIST/random"),
        (vec!["sweep", "Glyphs", "--kernel", "40", "--pretrain-epochs", "0"], 2, "`kernel_size`: expected at most 28"),
        (vec!["sweep", "Glyphs", "--cuts", "one"], 2, "`cuts`: expected a list"),
        (
            vec!["sweep", "Glyphs", "--cuts", "-1..8", "--pretrain-epochs", "0"],
            2,
            "`cut`: expected -1 (the baseline) or 0",
        ),
        (vec!["sweep", "Glyphs", "--percentages", "0"], 2, "`percentage`"),
        (vec!["sweep", "Glyphs", "--percentages", "0.00001"], 2, "`percentage`"),
        (vec!["sweep", "Glyphs", "--cuts", "-1..9223372036854775807"], 2, "`cuts`"),
        (vec!["sweep", "Glyphs", "--repeats", "18446744073709551615"], 2, "`repeats`"),
        (vec!["sweep", "Glyphs", "--depth", "18446744073709551615"], 2, "`depth`"),
        (vec!["sweep", "Glyphs", "--channels", "100000"], 2, "`num_channels`"),
        (vec!["pretrain", "Glyphs", "--out", "w.bin"], 1, "w.bin: expected a file of weights named .safetensors"),
        (vec!["finetune", "--source", "Glyphs", "--target", "Glyphs", "--cut", "7"], 2, "`cut`: expected -1"),
        (vec!["finetune", "--source", "Glyphs", "--target", "Glyphs", "--percentage", "0.00001"], 2, "`percentage`"),
        (
            vec!["finetune", "--source", "Glyphs", "--target", "Glyphs", "--finetune-classes", "5,11"],
            2,
            "`fine_tune_classes`",
        ),
        (
            vec!["finetune", "--source", "Glyphs", "--target", "Glyphs", "--finetune-classes", "five"],
            2,
            "`finetune-classes`: expected a list of classes such as 5,7,9, found five",
        ),
        (
            vec!["finetune", "--source", "Glyphs", "--target", "Glyphs", "--load", "/nonexistent.pth"],
            1,
            "/nonexistent.pth",
        ),
        (vec!["finetune", "--setting", "X"], 2, "one of FR, F, R, none, FT"),
        (vec!["finetune", "--source", "Glyphs", "--target", "Glyphs", "--device", "cuda:77"], 2, "`device`"),
        (vec!["show", "/nonexistent.json"], 1, "/nonexistent.json"),
        (vec!["convert", "/nonexistent.pth", "/tmp/x.bin"], 1, "/nonexistent.pth"),
    ] {
        let output = run(&arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(expected), "{arguments:?}: {}", stderr(&output));
        assert!(!stderr(&output).contains("panicked"), "{arguments:?}: {}", stderr(&output));
    }
}

/// Medians: `statistics.median` of Python over the rows of the published files.
#[test]
fn show_prints_the_table_of_published_files() {
    let folder = common::published().join("FashionMNIST");
    let file = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let (baselines, cuts) = (file("baselines_regular_classes.json"), file("cuts_regular_classes_FR.json"));
    let text = stdout(&succeed(cutpoint().args(["show", &baselines, &cuts])));
    let row = |start: &str| {
        text.lines().find(|l| l.trim_start().starts_with(start)).unwrap().split_whitespace().collect::<Vec<_>>()
    };
    assert_eq!(
        row("0.1%"),
        ["0.1%", "0.7719", "0.7719", "0.7828", "0.8164", "0.8317", "0.8422", "0.8426*", "0.8137", "25"]
    );
    assert_eq!(
        row("100%"),
        ["100%", "0.9474", "0.9474", "0.9514", "0.9514", "0.9590*", "0.9541", "0.9578", "0.9310", "5"]
    );
    assert!(text.contains("published files: the training files"), "{text}");
    assert!(text.contains("best at 1% of the data: cut 4, median 0.8758"), "{text}");
    let csv = stdout(&succeed(cutpoint().args(["show", "--csv", &baselines, &cuts])));
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some("percentage,baseline,cut 0,cut 1,cut 2,cut 3,cut 4,cut 5,cut 6,repeats"));
    assert!(lines.next().is_some_and(|l| l.starts_with("0.001,0.7719") && l.ends_with(",25")), "{csv}");
    let json = stdout(&succeed(cutpoint().args(["show", "--json", &baselines, &cuts])));
    let rows: Vec<serde_json::Value> = serde_json::from_str(&json).unwrap();
    assert_eq!((&rows[4]["percentage"], &rows[4]["repeats"]), (&serde_json::json!(1.0), &serde_json::json!(5)));
    let other = common::published().join("MNIST/cuts_regular_classes_FR.json");
    let output = run(&["show", &cuts, other.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains(
            "MNIST/cuts_regular_classes_FR.json: expected results with pre_train_classes [0,1,2,3,4,6,8], as in "
        ),
        "{}",
        stderr(&output)
    );
}

#[test]
fn every_published_result_file_is_read() {
    let mut read = 0;
    for path in files_below(&common::published()) {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name.starts_with("cuts_") || name.starts_with("baselines_") {
            succeed(cutpoint().arg("show").arg(&path));
            read += 1;
        }
    }
    assert_eq!(read, 6);
}

/// Converts weights to safetensors and back, and compares; returns what the program said of them.
fn convert_there_and_back(path: &Path) -> String {
    let out = tempfile::tempdir().unwrap();
    let converted = out.path().join("w.safetensors");
    let text = stdout(&succeed(cutpoint().arg("convert").arg(path).arg(&converted)));
    let back = out.path().join("w.pth");
    succeed(cutpoint().arg("convert").arg(&converted).arg(&back));
    let load = |p: &Path| Checkpoint::load(p).unwrap().tensors;
    assert_eq!(load(path), load(&back));
    text
}

#[test]
fn published_weights_are_read() {
    let folder = need!(common::published_files());
    let weights: Vec<PathBuf> =
        files_below(&folder).into_iter().filter(|path| path.extension().is_some_and(|e| e == "pth")).collect();
    assert!(weights.len() >= 2, "only {weights:?}");
    for path in weights {
        let text = convert_there_and_back(&path);
        assert!(text.contains("conv5.weight     64 x 64 x 3 x 3"), "{text}");
    }
}

/// `weights/make.py` says what is in the file: numbers that count up in quarters, saved by PyTorch as those of a network on
/// a GPU, one of them a view that is not contiguous.
#[test]
fn weights_that_pytorch_saved_are_read() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/weights/pytorch.pth");
    let text = convert_there_and_back(&path);
    assert!(text.contains("conv1.weight     2 x 2 x 3 x 3"), "{text}");
    let tensors = Checkpoint::load(&path).unwrap().tensors;
    let names: Vec<&str> = tensors.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["conv0.weight", "conv0.bias", "conv1.weight", "conv1.bias", "fc.weight", "fc.bias"]);
    for (name, tensor) in &tensors {
        let quarters = tch::Tensor::arange(tensor.numel() as i64, (tch::Kind::Float, tch::Device::Cpu)) / 4.0;
        assert_eq!(tensor.reshape([-1]), quarters, "{name}");
    }
}

#[test]
fn broken_result_files_are_named_and_explained() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cuts.json");
    for (text, expected) in [
        ("", "an empty file"),
        ("[", "EOF"),
        ("[{\"depth\": 6}, {\"lr\": 1}]", "element 1"),
        ("[{\"depth\": 6}, {\"lr\": 1, \"sampled_percentage\": 1, \"sampled_cut_point\": 0, \"repeat\": 0, \"train_acc\": 2, \"test_acc\": 1}]", "`train_acc` of element 1 from 0 to 1, found 2"),
    ] {
        std::fs::write(&path, text).unwrap();
        let output = run(&["show", path.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(1));
        assert!(stderr(&output).contains("cuts.json") && stderr(&output).contains(expected), "{}", stderr(&output));
    }
}

/// A limit on file sizes fails writes in the middle, as a full disk does.
#[test]
fn a_disk_that_fills_up_leaves_nothing_half_written() {
    let folder = tempfile::tempdir().unwrap();
    let weights = folder.path().join("w.safetensors");
    let elsewhere = tempfile::tempdir().unwrap();
    let source = elsewhere.path().join("regular_classes.pth");
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("pretrained_models/MNIST/regular_classes.safetensors");
    succeed(cutpoint().arg("convert").arg(committed).arg(&source));
    let full = |arguments: &str| {
        let script = format!("trap '' XFSZ; ulimit -f 64; exec {} {arguments}", env!("CARGO_BIN_EXE_cutpoint"));
        Command::new("bash").args(["-c", &script]).current_dir(folder.path()).output().unwrap()
    };
    let output = full(&format!("convert {} w.safetensors", source.display()));
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).contains("cannot write w.safetensors"), "{}", stderr(&output));
    assert!(!weights.exists());
    assert_eq!(files_below(folder.path()), Vec::<PathBuf>::new());
    let output = full(&format!("finetune --source Glyphs --target Glyphs --save {} --epochs 1", weights.display()));
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert_eq!(files_below(folder.path()), Vec::<PathBuf>::new());
    let output = Command::new("bash")
        .args(["-c", &format!("{} data Glyphs > /dev/full", env!("CARGO_BIN_EXE_cutpoint"))])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("(standard output)"), "{}", stderr(&output));
    let script = format!("{} show /nonexistent 2> /dev/full", env!("CARGO_BIN_EXE_cutpoint"));
    assert_eq!(Command::new("bash").args(["-c", &script]).status().unwrap().code(), Some(1));
    // A sweep whose results do not fit fails by name, and what was there before stays.
    let small = "sweep Glyphs --pretrain-epochs 0 --percentages 0.001 --cuts 6 --epochs 1 --channels 8 --device cpu";
    let output = full(&format!("{small} --repeats 1000"));
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).contains("cannot write results/Glyphs/.journal"), "{}", stderr(&output));
    let left = files_below(folder.path());
    assert!(left.len() == 1 && left[0].ends_with("regular_classes.jsonl"), "{left:?}");
    let output = run_in(folder.path(), &small.split(' ').chain(["--repeats", "2"]).collect::<Vec<_>>());
    assert!(output.status.success(), "{}", stderr(&output));
    // A log that cannot be written costs no results.
    let script = format!("{} {small} --repeats 2 --out logged > /dev/full", env!("CARGO_BIN_EXE_cutpoint"));
    let output = Command::new("bash").args(["-c", &script]).current_dir(folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(folder.path().join("logged/results/Glyphs/cuts_regular_classes_FR.json").exists());
}

#[test]
fn folders_that_cannot_be_written_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("occupied");
    std::fs::write(&file, "").unwrap();
    let out = file.to_str().unwrap();
    for arguments in [
        vec![
            "sweep",
            "Glyphs",
            "--pretrain-epochs",
            "0",
            "--percentages",
            "0.001",
            "--cuts",
            "6",
            "--repeats",
            "1",
            "--out",
            out,
        ],
        vec!["data", "MNIST", "--data", out],
    ] {
        let output = run_in(folder.path(), &arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains("occupied"), "{}", stderr(&output));
    }
}

fn idx(dims: &[u32], data: &[u8]) -> Vec<u8> {
    let head = [0, 0, 8, dims.len() as u8].into_iter().chain(dims.iter().flat_map(|d| d.to_be_bytes()));
    head.chain(data.iter().copied()).collect()
}

#[test]
fn broken_and_unofficial_data_sets_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let raw = folder.path().join("MNIST/raw");
    std::fs::create_dir_all(&raw).unwrap();
    for (files, n) in [("train", 4u32), ("t10k", 2)] {
        std::fs::write(raw.join(format!("{files}-images-idx3-ubyte")), idx(&[n, 2, 2], &vec![1; 4 * n as usize]))
            .unwrap();
        std::fs::write(raw.join(format!("{files}-labels-idx1-ubyte")), idx(&[n], &vec![1; n as usize])).unwrap();
    }
    let data = folder.path().to_str().unwrap();
    let output = run(&["data", "MNIST", "--data", data]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stdout(&output).contains("4 training and 2 test images of 1 x 2 x 2"), "{}", stdout(&output));
    assert!(stdout(&output).contains("not official") && stdout(&output).contains("6bbc9ace898e44ae57da46a324031adb"));
    let output = run(&["data", "MNIST", "--data", data, "--verify"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("train-images-idx3-ubyte: expected MD5 6bbc9ace"), "{}", stderr(&output));
    std::fs::remove_file(raw.join("t10k-labels-idx1-ubyte")).unwrap();
    let output = run(&["data", "MNIST", "--data", data]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("t10k-labels-idx1-ubyte"), "{}", stderr(&output));
}

/// Serves the files below a folder on loopback; returns the address.
fn serve(folder: PathBuf) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let mut lines = BufReader::new(connection.try_clone().unwrap()).lines().map(Result::unwrap);
            let request = lines.next().unwrap();
            while lines.next().is_some_and(|line| !line.is_empty()) {}
            let path = request.split(' ').nth(1).unwrap().trim_start_matches('/').to_owned();
            let file = folder.join(path);
            // Where data sets lie unpacked, a mirror still has them packed.
            let packed = || -> std::io::Result<Vec<u8>> {
                let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                gz.write_all(&std::fs::read(file.with_extension(""))?)?;
                gz.finish()
            };
            let (status, body) = match std::fs::read(&file).or_else(|_| packed()) {
                Ok(body) => ("200 OK", body),
                Err(_) => ("404 Not Found", Vec::new()),
            };
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            let _ = connection.write_all(head.as_bytes()).and_then(|()| connection.write_all(&body));
        }
    });
    address
}

/// Leaves no mirror within reach but those on this machine: the others are asked by way of a proxy that is not there.
fn offline(command: &mut Command) -> &mut Command {
    for name in ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        command.env(name, "http://127.0.0.1:9");
    }
    command.env("NO_PROXY", "127.0.0.1")
}

/// Real files, whole download: MNIST (or FashionMNIST, which can be had in more places) from a mirror on loopback,
/// checked, in place, and read.
#[test]
fn a_data_set_is_downloaded_checked_and_read() {
    let set = if common::data(&[MNIST]).is_ok() { MNIST } else { FASHION_MNIST };
    let found = places::below(&need!(common::data(&[set])), set).unwrap();
    let name = set.to_string();
    let folder = tempfile::tempdir().unwrap();
    let mirror = folder.path().join("mirror");
    std::fs::create_dir(&mirror).unwrap();
    std::os::unix::fs::symlink(std::path::absolute(found.path()).unwrap(), mirror.join(&name)).unwrap();
    let address = serve(mirror.clone());
    let data = folder.path().join("data");
    let fetch = |name: &str| {
        let mut command = cutpoint();
        command.current_dir(folder.path()).env("CUTPOINT_MIRROR", &address).args(["data", name, "--verify"]);
        offline(&mut command).output().unwrap()
    };
    let output = fetch(&name);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stdout(&output).contains("60000 training and 10000 test images"), "{}", stdout(&output));
    let files = files_below(&data);
    assert_eq!(files.len(), 4, "{files:?}");
    assert!(files.iter().all(|f| f.extension().is_some_and(|e| e == "gz")));
    // What stopped between two files goes on with those that are missing.
    std::fs::remove_file(data.join(&name).join("raw/train-labels-idx1-ubyte.gz")).unwrap();
    assert!(fetch(&name).status.success());
    assert_eq!(files_below(&data).len(), 4);
    // CIFAR-10 is not on this mirror, and no other can be reached.
    std::fs::create_dir(mirror.join("CIFAR10")).unwrap();
    std::fs::write(mirror.join("CIFAR10/cifar-10-binary.tar.gz"), b"not the archive").unwrap();
    let output = fetch("CIFAR10");
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(said.contains("expected MD5 c32a1d4ab5d03f1284b67883e8d87530"), "{said}");
    assert!(said.contains("cs.toronto.edu") && said.contains("cifar-10-batches-bin"), "{said}");
    assert_eq!(files_below(&data).len(), 4, "nothing half-written stays");
}

#[test]
fn the_built_in_data_set_is_used_only_when_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let arguments =
        "--cuts 5,6 --percentages 0.001 --repeats 1 --epochs 2 --pretrain-epochs 0 --channels 8 --device cpu";
    let sweep = |study: &str, more: &[&str]| {
        let mut command = cutpoint();
        command.current_dir(folder.path()).arg("sweep").arg(study).args(arguments.split(' ')).args(more);
        offline(&mut command).stdin(Stdio::null()).output().unwrap()
    };
    let output = sweep("MNIST", &[]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).contains("data set MNIST was not found"), "{}", stderr(&output));
    let output = sweep("MNIST", &["--or-glyphs"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stderr(&output).contains("going on with the built-in data set Glyphs"), "{}", stderr(&output));
    assert!(folder.path().join("results/Glyphs/cuts_regular_classes_FR.json").is_file());
    assert!(!folder.path().join("results/MNIST").exists());
}

#[test]
fn pretrain_writes_weights_that_finetune_and_sweep_read() {
    let folder = tempfile::tempdir().unwrap();
    let small = "--epochs 1 --channels 8 --depth 3 --device cpu".split(' ').collect::<Vec<_>>();
    let more = "--batch-size 64 --report --save-best --checkpoints";
    let mut command = cutpoint();
    command.current_dir(folder.path()).args(["pretrain", "Glyphs"]).args(&small).args(more.split(' '));
    let output = succeed(&mut command);
    assert!(stdout(&output).contains("accuracy: training") && stdout(&output).contains("fork"), "{}", stdout(&output));
    let written = files_below(&folder.path().join("pretrained_models"));
    let name = |p: &PathBuf| p.file_name().unwrap().to_str().unwrap().to_owned();
    let mut names: Vec<String> = written.iter().map(name).collect();
    names.sort();
    assert_eq!(names, ["epoch_000.safetensors", "regular_classes.safetensors", "regular_classes_best.safetensors"]);
    let mut command = cutpoint();
    command
        .current_dir(folder.path())
        .args("sweep Glyphs --percentages 0.001 --repeats 1 --cuts 3".split(' '))
        .args(&small);
    let output = succeed(&mut command);
    assert!(
        stderr(&output).contains(
            "(Glyphs/regular: at most 1 epochs, batch 64, learning rate 0.001, patience 6; accuracy: training"
        ),
        "{}",
        stderr(&output)
    );
    assert!(stdout(&output).contains("wrote results/Glyphs/cuts_regular_classes_FR.json"), "{}", stdout(&output));
}

/// No option is passed over in silence, and one that says what holds anyway changes nothing.
#[test]
fn options_are_obeyed_or_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let run = |text: &str| run_in(folder.path(), &text.split(' ').collect::<Vec<_>>());
    for (option, name) in [
        ("--network resnet18", "network"),
        ("--size 32", "size"),
        ("--source-classes 0,1", "source-classes"),
        ("--target-classes 0,1", "target-classes"),
        ("--val-split 0.2", "val-split"),
        ("--name mine", "name"),
    ] {
        let output = run(&format!("sweep Glyphs {option}"));
        let text = stderr(&output);
        let said = format!("parameter `{name}`: expected only with images of one's own");
        assert!(output.status.code() == Some(2) && text.contains(&said), "{option}: {text}");
    }
    let output = run("pretrain Glyphs --lr-fine-tune 0.1");
    assert!(output.status.code() == Some(2) && stderr(&output).contains("--lr-fine-tune"), "{}", stderr(&output));
    assert_eq!(files_below(folder.path()), Vec::<PathBuf>::new());

    let small = "sweep Glyphs --channels 4 --depth 2 --epochs 1 --cuts 1 --percentages 0.001 --repeats 1 --device cpu";
    let first = run(&format!("{small} --lr-pretrain 0.002"));
    assert!(first.status.success() && stderr(&first).contains("pre-training"), "{}", stderr(&first));
    let path = folder.path().join("results/Glyphs/cuts_regular_classes_FR.json");
    let written = std::fs::read_to_string(&path).unwrap();
    assert!(written.contains(r#""lr_pretrain":0.002"#) && written.contains("learning rate 0.002"), "{written}");
    // Adam is what there is anyway; the weights say how they were trained.
    let again = run(&format!("{small} --lr-pretrain 0.002 --optimizer adam"));
    assert!(stderr(&again).contains("all 1 rows are done already"), "{}", stderr(&again));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), written);
    let other = run(&format!("{small} --lr-pretrain 0.003"));
    assert!(stderr(&other).contains("`training.optimizer.lr`"), "{}", stderr(&other));
    assert_ne!(other.status.code(), Some(0));
}

#[test]
fn a_training_that_diverges_writes_no_weights() {
    let folder = tempfile::tempdir().unwrap();
    let diverges = "pretrain Glyphs --depth 2 --channels 4 --epochs 1 --lr 1e30 --device cpu --out w.safetensors";
    let output = run_in(folder.path(), &diverges.split(' ').collect::<Vec<_>>());
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).contains("w.safetensors: expected finite weights in conv0.weight"), "{}", stderr(&output));
    assert_eq!(files_below(folder.path()), Vec::<PathBuf>::new());
}

/// The published tables, byte for byte.
#[test]
fn stats_prints_the_published_tables() {
    let folder = common::published();
    let mut tables = 0;
    for path in files_below(&folder) {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let Some((question, rest)) = name.strip_suffix(".csv").and_then(|n| n.split_once('_')) else { continue };
        let mut command = cutpoint();
        command.args(["stats", question, "--rule", "published", "--csv"]);
        command
            .arg(path.with_file_name("baselines_regular_classes.json"))
            .arg(path.with_file_name(format!("cuts_{rest}.json")));
        assert_eq!(stdout(&succeed(&mut command)), std::fs::read_to_string(&path).unwrap(), "{}", path.display());
        tables += 1;
    }
    assert_eq!(tables, 6);
}

#[test]
fn stats_answers_in_words_tables_and_json() {
    let folder = common::published().join("FashionMNIST");
    let file = |setting: &str| folder.join(format!("cuts_regular_classes_{setting}.json")).to_str().unwrap().to_owned();
    let text = stdout(&succeed(cutpoint().args(["stats", "best", &file("FR")])));
    let row = |start: &str| {
        text.lines()
            .find(|l| l.trim_start().starts_with(start))
            .unwrap()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(row("1%"), "1% cut 4 0.8758 cut 3, cut 5");
    assert_eq!(row("100%"), "100% cut 3 0.9590 any (5 repeats tell no difference)");
    let json = stdout(&succeed(cutpoint().args(["stats", "compare", &file("FR"), &file("FT"), "--json"])));
    let rows: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(rows.as_array().unwrap().len(), 35);
    let last = &rows[6];
    // The last cut is the same network under FR and FT.
    assert_eq!((&last["cut"], &last["p_value"], &last["higher"]), (&6.into(), &1.0.into(), &"neither".into()));
    let output = run(&["stats", "wilcoxon", &file("FR"), &file("FR")]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("each percentage, cut and repeat once"), "{}", stderr(&output));
}

/// Every question in every form, of published files: what must be balanced is, and nothing is left unescaped.
#[test]
fn stats_prints_tables_for_papers_and_pages() {
    let folder = common::published().join("FashionMNIST");
    let file =
        |name: &str| folder.join(format!("{name}_regular_classes{}.json", if name == "cuts" { "_FR" } else { "" }));
    let (baselines, fr, ft) = (file("baselines"), file("cuts"), folder.join("cuts_regular_classes_FT.json"));
    let marked_rows = [
        ("wilcoxon", &baselines),
        ("ranks", &baselines),
        ("best", &baselines),
        ("compare", &ft),
        ("summary", &baselines),
        ("trend", &baselines),
    ];
    for (question, other) in marked_rows {
        let print = |form: &str| stdout(&succeed(cutpoint().args(["stats", question, form]).arg(&fr).arg(other)));
        let (latex, markdown, csv) = (print("--latex"), print("--markdown"), print("--csv"));
        let rows = csv.lines().count() - 1;
        let body: Vec<&str> = latex.lines().filter(|l| l.ends_with("\\\\")).collect();
        assert_eq!(body.len(), rows + 1, "{question}: a header and as many rows as the CSV");
        for line in &body {
            assert_eq!(line.matches(" & ").count(), body[0].matches(" & ").count(), "{line}");
            assert_eq!(line.matches('{').count(), line.matches('}').count(), "{line}");
            assert_eq!(line.matches('%').count(), line.matches("\\%").count(), "{line}");
        }
        assert_eq!((latex.matches("\\begin{tabular}").count(), latex.matches("\\end{tabular}").count()), (1, 1));
        assert_eq!(latex.matches("\\hline").count(), 3);
        let lines: Vec<&str> = markdown.lines().filter(|l| l.starts_with("| ")).collect();
        assert_eq!(lines.len(), rows + 2);
        assert!(lines.iter().all(|l| l.matches(" | ").count() == lines[0].matches(" | ").count()), "{markdown}");
        let bold = question != "best";
        assert_eq!((latex.contains("\\textbf{"), markdown.contains("| **")), (bold, bold), "{question}");
    }
    // Corrected over 21 pairs, as SciPy and Holm have them without cut 0: its runs are those of the baseline.
    let text = stdout(&succeed(cutpoint().args(["stats", "wilcoxon", "--markdown"]).arg(&baselines).arg(&fr)));
    assert!(text.contains("| 0.1% | baseline | cut 1 | 95 | 0.070984 | 0.283935 | -0.42 |"), "{text}");
    assert!(
        text.contains("| **0.1%** | **baseline** | **cut 3** | **26** | **0.000064** | **0.000764** | **-0.84** |"),
        "{text}"
    );
    let text = stdout(&succeed(cutpoint().args(["show", "--latex"]).arg(&baselines).arg(&fr)));
    assert!(text.contains("\n1\\% & 0.8075 & 0.8075 & 0.8011 & 0.8436 & 0.8669 & \\textbf{0.8758} & "), "{text}");
    let output = cutpoint().args(["stats", "best", "--latex", "--json"]).arg(&fr).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("cannot be used with"), "{}", stderr(&output));
}

#[test]
fn stats_summarises_and_tests_the_trend() {
    let fr = common::published().join("FashionMNIST/cuts_regular_classes_FR.json");
    let stats = |arguments: &[&str]| cutpoint().arg("stats").args(arguments).arg(&fr).output().unwrap();
    let text = stdout(&stats(&["summary"]));
    assert!(text.contains("test accuracy on images that the file does not name"), "{text}");
    assert_eq!(text.lines().filter(|l| l.contains("%  cut ")).count(), 35, "{text}");
    let json: serde_json::Value =
        serde_json::from_str(&stdout(&stats(&["summary", "--measure", "train_acc", "--level", "0.5", "--json"])))
            .unwrap();
    assert_eq!(
        (&json[34]["measure"], &json[34]["level"], &json[34]["count"]),
        (&"train_acc".into(), &0.5.into(), &5.into())
    );
    for (arguments, expected) in [
        (["--measure", "epochs"], "`epochs`: expected a number, 0 or more, in every row, found none in row 1"),
        (["--measure", "accuracy"], "expected test_acc, train_acc, val_acc, epochs, seconds, found accuracy"),
        (["--level", "95"], "`level`: expected a fraction between 0 and 1"),
    ] {
        let output = stats(&["summary", arguments[0], arguments[1]]);
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains(expected), "{}", stderr(&output));
    }
    let text = stdout(&stats(&["trend"]));
    assert!(text.contains("over medians: the best cut falls as data grows, but no more than chance explains (rank correlation -0.53 over 5 points; p 0.2333 for a fall"), "{text}");
    assert!(text.contains("over repeats: the best cut falls as data grows (rank correlation -0.24 over 80 points; p 0.0162 for a fall"), "{text}");
    let json: serde_json::Value = serde_json::from_str(&stdout(&stats(&["trend", "--json"]))).unwrap();
    assert_eq!((&json[0]["best"][4]["cut"], &json[1]["points"]), (&3.into(), &80.into()));
}

#[test]
fn unequal_repeats_are_refused_or_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cuts.json");
    let row = |cut: i64, repeat: u64| {
        format!("{{\"lr\": 1, \"sampled_percentage\": 0.1, \"sampled_cut_point\": {cut}, \"repeat\": {repeat}, \"train_acc\": 1, \"test_acc\": 0.5}}")
    };
    std::fs::write(&path, format!("[{{\"depth\": 6}}, {}, {}, {}]", row(1, 0), row(2, 0), row(2, 1))).unwrap();
    let path = path.to_str().unwrap();
    let output = run(&["stats", "wilcoxon", path]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("1 of cut 1 at 10% and 2 of cut 2 at 10% (repeat 1 only there)"),
        "{}",
        stderr(&output)
    );
    let left_out = "left out: repeat 1 of cut 2 at 10%, not shared by every cut";
    let text = stdout(&succeed(cutpoint().args(["stats", "wilcoxon", "--common-repeats", path])));
    assert!(text.contains(left_out) && text.contains("a single repeat: p is 1"), "{text}");
    // A form for programs stays clean, and says it beside.
    let output = run(&["stats", "wilcoxon", "--common-repeats", "--csv", path]);
    assert_eq!(stdout(&output), "percentage,cut_1,cut_2,statistic,p_value\n0.1,1,2,0,1.000000\n");
    assert!(stderr(&output).contains(left_out), "{}", stderr(&output));
}

#[test]
fn weights_of_a_network_with_another_activation_are_refused_though_they_would_fit() {
    let folder = tempfile::tempdir().unwrap();
    let small = ["--channels", "4", "--depth", "2", "--device", "cpu"];
    for activation in ["ReLU", "Tanh"] {
        let file = format!("{activation}.safetensors");
        let own = ["pretrain", "Glyphs", "--epochs", "1", "--activation", activation, "--out", &file];
        succeed(cutpoint().current_dir(folder.path()).args([&own[..], &small].concat()));
    }
    let load = |file: &str| {
        let own = ["finetune", "--source", "Glyphs", "--target", "Glyphs", "--pretrain-classes", "0,1,2,3,4"];
        let target = ["--finetune-classes", "5,6,7,8,9", "--percentage", "0.001", "--cut", "1", "--epochs", "1"];
        run_in(folder.path(), &[&own[..], &target, &["--load", file], &small].concat())
    };
    let output = load("ReLU.safetensors");
    assert!(output.status.success(), "{}", stderr(&output));
    let output = load("Tanh.safetensors");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("Tanh.safetensors: expected weights of a network of 4-4p"), "{}", stderr(&output));
    // The baseline's cut is a number below 0.
    let args = ["plot", "architecture", "Glyphs", "--cut", "-1", "-o", "baseline.svg"];
    succeed(cutpoint().current_dir(folder.path()).args(args));
    assert!(folder.path().join("baseline.svg").exists());
}

#[test]
fn results_of_different_parameters_are_never_mixed() {
    let folder = tempfile::tempdir().unwrap();
    let sweep = |more: &str| {
        let common = "sweep Glyphs --percentages 0.001 --epochs 1 --channels 8 --depth 3 --device cpu";
        run_in(folder.path(), &common.split(' ').chain(more.split(' ')).collect::<Vec<_>>())
    };
    let rows = |name: &str| {
        cutpoint::results::ResultFile::load(folder.path().join("results/Glyphs").join(name)).unwrap().records.len()
    };
    let fine = |more: &str| {
        let output = sweep(more);
        assert!(output.status.success(), "{more}: {}", stderr(&output));
    };
    let refused = |more: &str, expected: &str| {
        let output = sweep(more);
        assert_eq!(output.status.code(), Some(1), "{more}: {}", stderr(&output));
        assert!(stderr(&output).contains(expected), "{more}: {}", stderr(&output));
    };
    fine("--pretrain-epochs 1 --repeats 2");
    assert_eq!((rows("baselines_regular_classes.json"), rows("cuts_regular_classes_FR.json")), (2, 8));
    // A smaller sweep and another setting take nothing away.
    fine("--repeats 1 --cuts 2");
    fine("--repeats 3 --cuts -1,2 --setting FT");
    assert_eq!((rows("baselines_regular_classes.json"), rows("cuts_regular_classes_FR.json")), (3, 8));
    assert_eq!(rows("cuts_regular_classes_FT.json"), 3);
    // Other parameters are refused before anything runs.
    refused(
        "--repeats 1 --patience 2",
        "baselines_regular_classes.json: expected results with `early_stop_patience` 2",
    );
    refused(
        "--repeats 1 --activation Tanh",
        "baselines_regular_classes.json: expected results with `activation_function`",
    );
    // Only a file that rows are to be added to stands in their way.
    let baselines = folder.path().join("results/Glyphs/baselines_regular_classes.json");
    let held = std::fs::read(&baselines).unwrap();
    std::fs::write(&baselines, String::from_utf8_lossy(&held).replace("\"num_train\":1,", "\"num_train\":9,")).unwrap();
    refused("--repeats 1", "baselines_regular_classes.json: expected results with `num_train` 1");
    fine("--repeats 1 --cuts 2");
    std::fs::write(&baselines, held).unwrap();
    // Where no results are in the way, the weights of another network are.
    let elsewhere = folder.path().join("elsewhere/pretrained_models/Glyphs");
    std::fs::create_dir_all(&elsewhere).unwrap();
    let weights = "regular_classes.safetensors";
    std::fs::copy(folder.path().join("pretrained_models/Glyphs").join(weights), elsewhere.join(weights)).unwrap();
    refused(
        "--repeats 1 --activation Tanh --out elsewhere",
        "regular_classes.safetensors: expected weights of a network of 8-8p-8",
    );
    refused(
        "--repeats 1 --pretrain-epochs 2",
        "regular_classes.safetensors: expected a source network with `training.epochs` 2, found 1",
    );
    // Other source weights make other cuts.
    refused("--repeats 1 --pretrain-epochs 0", "cuts_regular_classes_FR.json: expected results with `source_weights`");
    let file = |name: &str| folder.path().join("results/Glyphs").join(name).to_str().unwrap().to_owned();
    let (fr, ft) = (file("cuts_regular_classes_FR.json"), file("cuts_regular_classes_FT.json"));
    let output = run(&["show", &fr, &ft]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("results with truncate false, as in"), "{}", stderr(&output));
    let text = stdout(&succeed(cutpoint().args(["show", &file("baselines_regular_classes.json"), &ft])));
    assert!(text.contains("setting FT") && text.contains("baseline"), "{text}");
    assert_eq!(run(&["show", &fr, &fr]).status.code(), Some(2), "rows that are there twice");
}

#[test]
fn checkpoints_of_another_training_are_not_gone_on_from() {
    let folder = tempfile::tempdir().unwrap();
    let pretrain = |more: &str| {
        let common = "pretrain Glyphs --channels 8 --depth 3 --batch-size 64 --device cpu --checkpoints";
        run_in(folder.path(), &common.split(' ').chain(more.split(' ')).collect::<Vec<_>>())
    };
    assert!(pretrain("--threads 1 --epochs 1").status.success());
    let output = pretrain("--threads 1 --epochs 2");
    assert!(output.status.success() && stderr(&output).contains("going on after epoch 1"), "{}", stderr(&output));
    for (more, expected) in [
        (
            "--threads 1 --epochs 3 --activation Tanh",
            "a training with `network` \"8-8p-8, kernel 3, pooling stride 2, Tanh\", found \"8-8p-8",
        ),
        ("--threads 2 --epochs 3", "a training with `threads` 2, found 1 (remove its folder to train from scratch)"),
        ("--threads 1 --epochs 3 --lr 0.002", "a training with `training.optimizer.lr` 0.002, found 0.001"),
        (
            "--threads 1 --epochs 1",
            "within the 1 epochs of this training (remove its folder to train from scratch), found one after 2",
        ),
    ] {
        let output = pretrain(more);
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        assert!(stderr(&output).contains(expected), "{}", stderr(&output));
    }
}

#[test]
fn cluster_writes_the_published_form_and_goes_on_where_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let missing = run_in(dir.path(), &["cluster", "Glyphs", "--repeats", "1"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(stderr(&missing).contains("cutpoint pretrain Glyphs/regular"), "{}", stderr(&missing));
    let small = ["--depth", "2", "--channels", "8"];
    let pretrain = run_in(dir.path(), &[&["pretrain", "Glyphs", "--epochs", "1"], &small[..]].concat());
    assert!(pretrain.status.success(), "{}", stderr(&pretrain));
    let cluster = |more: &[&str]| {
        let common = ["cluster", "Glyphs", "--repeats", "2", "--algorithms", "average,ward,average"];
        run_in(dir.path(), &[&common, &small[..], more].concat())
    };
    let first = cluster(&["--percentages", "0.01"]);
    assert!(first.status.success(), "{}", stderr(&first));
    assert!(stdout(&first).contains("ARI") && stdout(&first).contains("ward"), "{}", stdout(&first));
    let both = cluster(&["--percentages", "0.01,0.05", "--json"]);
    assert!(stderr(&both).contains("8 of 16 clusterings are done already"), "{}", stderr(&both));
    assert_eq!(serde_json::from_str::<Vec<serde_json::Value>>(&stdout(&both)).unwrap().len(), 8);
    let path = dir.path().join("results/Glyphs/regular_classes_cluster.json");
    let rows: Vec<serde_json::Value> = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(rows.len(), 16);
    let keys: Vec<&str> = rows[0].as_object().unwrap().keys().take(9).map(String::as_str).collect();
    assert_eq!(keys, ["Percentage", "Repeat", "Layer", "Precision", "Recall", "Accuracy", "ARI", "Dataset", "Split"]);
    // Rows scored in another way do not mix.
    let journal = dir.path().join("results/Glyphs/.journal/regular_classes_cluster.jsonl");
    let lines = || std::fs::read_to_string(&journal).unwrap().lines().count();
    let before = lines();
    let mixed = cluster(&["--percentages", "0.02", "--scoring", "published"]);
    assert!(stderr(&mixed).contains("`scoring` published"), "{}", stderr(&mixed));
    assert!(stdout(&mixed).is_empty() && lines() == before, "refused before it is computed");
    let wrong = cluster(&["--algorithms", "kmeans"]);
    assert_eq!(wrong.status.code(), Some(2));
}

#[test]
fn plot_draws_published_files_and_studies_and_explains_what_it_cannot_draw() {
    let dir = tempfile::tempdir().unwrap();
    let folder = common::published().join("FashionMNIST");
    let file = |name: &str| folder.join(name).display().to_string();
    let (base, fr, ft) = (
        file("baselines_regular_classes.json"),
        file("cuts_regular_classes_FR.json"),
        file("cuts_regular_classes_FT.json"),
    );
    let clusters = file("regular_classes_cluster.json");
    let of_files: [(&str, Vec<&str>); 10] = [
        ("box", vec![&base, &fr, "--ranking", "published"]),
        ("compare", vec![&fr, &ft]),
        ("cluster", vec![&clusters, "--score", "recall"]),
        ("difference", vec![&base, &fr]),
        ("error-bars", vec![&fr]),
        ("bands", vec![&fr, "--over", "cut"]),
        ("heat", vec![&fr, "--measure", "train_acc"]),
        ("bars", vec![&fr]),
        ("surface", vec![&fr]),
        ("architecture", vec!["Glyphs", "--cut", "2"]),
    ];
    for (kind, arguments) in of_files {
        let out = format!("{kind}.svg");
        let output = run_in(dir.path(), &[&["plot", kind], &arguments[..], &["-o", &out]].concat());
        assert!(output.status.success(), "{kind}: {}", stderr(&output));
        let size = std::fs::metadata(dir.path().join(&out)).unwrap().len();
        assert!((2_000..300_000).contains(&size), "{kind}: {size}");
    }
    let trace = run_in(
        dir.path(),
        &[
            "finetune",
            "--source",
            "Glyphs",
            "--target",
            "Glyphs",
            "--percentage",
            "0.01",
            "--epochs",
            "3",
            "--depth",
            "2",
            "--channels",
            "4",
            "--cut",
            "1",
            "--trace",
        ],
    );
    std::fs::write(dir.path().join("trace.json"), &trace.stdout).unwrap();
    let png = run_in(dir.path(), &["plot", "curve", "trace.json", "-o", "c.png", "--size", "600x300", "--dark"]);
    assert!(png.status.success(), "{}", stderr(&png));
    assert_eq!(std::fs::read(dir.path().join("c.png")).unwrap()[1..4], *b"PNG");
    // The trace laid out over lines, and a title with what XML has no place for: a PNG is drawn by way of an SVG.
    let value: serde_json::Value = serde_json::from_slice(&trace.stdout).unwrap();
    std::fs::write(dir.path().join("lines.json"), serde_json::to_string_pretty(&value).unwrap()).unwrap();
    let odd = run_in(dir.path(), &["plot", "curve", "lines.json", "-o", "d.png", "--title", "a\u{1}b"]);
    assert!(odd.status.success(), "{}", stderr(&odd));
    for (arguments, expected) in [
        (vec!["box", fr.as_str(), "-o", "x.pdf"], ".svg or .png"),
        (vec!["box", fr.as_str(), "-o", "x.svg", "--size", "wide"], "900x500"),
        (vec!["box", fr.as_str(), "-o", "x.svg", "--size", "90x500"], "from 120 to 8000"),
        (vec!["box", clusters.as_str(), "-o", "x.svg"], "expected parameters"),
        (vec!["cluster", fr.as_str(), "-o", "x.svg"], "a clustering row as element 0"),
        (
            vec!["cluster", clusters.as_str(), "--algorithm", "ward", "-o", "x.svg"],
            "rows of ward (--algorithm), found rows of average",
        ),
        (vec!["difference", fr.as_str(), "-o", "x.svg"], "baselines"),
        (vec!["curve", fr.as_str(), "-o", "x.svg"], "cutpoint finetune --trace"),
        (vec!["filters", "Glyphs", "-o", "x.svg"], "Glyphs/regular_classes.safetensors"),
    ] {
        let output = run_in(dir.path(), &[&["plot"], &arguments[..]].concat());
        assert!(!output.status.success() && stderr(&output).contains(expected), "{arguments:?}: {}", stderr(&output));
    }
    assert!(!dir.path().join("x.svg").exists());
}

#[test]
fn an_image_is_chosen_by_the_option_s_old_name_too() {
    for option in ["--image", "--picture"] {
        let output = cutpoint()
            .args(["plot", "feature-maps", "Glyphs", "--weights", "nowhere.pth", option, "1", "-o", "maps.svg"])
            .output()
            .unwrap();
        // The option is known: only the weights are missing.
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        assert!(stderr(&output).contains("nowhere.pth"), "{}", stderr(&output));
    }
}
