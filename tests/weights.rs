//! Files of weights that PyTorch has written, in all the forms that `torch.save` has had.

use std::path::Path;

use cutpoint::model::Checkpoint;

/// Expected numbers: tests/weights/make.py, with PyTorch 2.11.
#[test]
fn every_form_of_file_has_the_numbers_that_pytorch_reads() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/weights");
    let text = std::fs::read_to_string(folder.join("expected.json")).unwrap();
    let expected: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&text).unwrap();
    assert!(expected.len() > 30);
    for (name, want) in expected {
        let path = folder.join(format!("{name}.pth"));
        if let Some(said) = want.as_str() {
            let error = Checkpoint::load(&path).unwrap_err().to_string();
            assert!(error.contains(said) && error.contains(&name), "{error}");
            continue;
        }
        let read = Checkpoint::load(&path).unwrap_or_else(|error| panic!("{error}"));
        let want = want.as_object().unwrap();
        assert_eq!(read.tensors.len(), want.len(), "{name}");
        for (tensor, want) in want {
            let found = read.get(tensor).unwrap_or_else(|| panic!("{tensor} in {name}"));
            let shape: Vec<i64> = serde_json::from_value(want[0].clone()).unwrap();
            assert_eq!(found.size(), shape, "{tensor} in {name}");
            let want: Vec<f64> = serde_json::from_value(want[1].clone()).unwrap();
            let numbers = Vec::<f64>::try_from(found.to_kind(tch::Kind::Double).reshape([-1])).unwrap();
            let floats = found.kind() == tch::Kind::Float;
            let rounded: Vec<f64> = want.iter().map(|&v| if floats { f64::from(v as f32) } else { v }).collect();
            assert_eq!(numbers, rounded, "{tensor} in {name}");
        }
    }
}

#[test]
fn whatever_was_read_can_be_written_in_both_forms_and_is_the_same() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/weights");
    let dir = tempfile::tempdir().unwrap();
    let read = Checkpoint::load(folder.join("old.pth")).unwrap();
    for name in ["a.pth", "a.safetensors"] {
        let path = dir.path().join(name);
        read.save(&path).unwrap();
        let again = Checkpoint::load(&path).unwrap();
        for (name, tensor) in &read.tensors {
            assert_eq!(again.get(name).unwrap(), tensor, "{name}");
        }
    }
    let twice = Checkpoint {
        tensors: vec![read.tensors[0].1.shallow_clone(), read.tensors[0].1.shallow_clone()]
            .into_iter()
            .map(|t| ("a".to_owned(), t))
            .collect(),
        text: String::new(),
    };
    for name in ["b.pth", "b.safetensors"] {
        assert!(twice.save(dir.path().join(name)).unwrap_err().to_string().contains("a twice"));
    }
}
