//! Folders of images: every format against Pillow, and what people's folders look like.

use std::fs;
use std::path::Path;

use cutpoint::data::{Dataset, FolderOptions, FolderReport, Reason};
use cutpoint::runtime::progress::{Recorded, Silent};

/// Four images a class, of a colour each.
fn plain(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    for i in 0..4u8 {
        paint(&folder.join(format!("{i}.png")), [40 * i, 7, 200]);
    }
}

fn paint(path: &Path, colour: [u8; 3]) {
    image::RgbImage::from_pixel(8, 8, image::Rgb(colour)).save(path).unwrap();
}

fn report(folder: &Path) -> FolderReport {
    FolderReport::new(folder, &FolderOptions::default(), &Silent).unwrap()
}

fn error(folder: &Path, options: &FolderOptions) -> String {
    Dataset::from_folder("mine", folder, options, &Silent).unwrap_err().to_string()
}

/// Expected values: tests/images/make.py, with Pillow 12. Decoders of JPEG and of lossy WebP round in ways of their own; all
/// others give the same bytes.
#[test]
fn every_format_shows_what_pillow_shows() {
    let images = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/images");
    let text = fs::read_to_string(images.join("expected.json")).unwrap();
    let expected: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&text).unwrap();
    assert!(expected.len() > 30);
    for (name, want) in expected {
        let dir = tempfile::tempdir().unwrap();
        for class in ["a", "b"] {
            fs::create_dir(dir.path().join(class)).unwrap();
            fs::copy(images.join(&name), dir.path().join(class).join(&name)).unwrap();
        }
        let [width, height] = ["width", "height"].map(|side| want[side].as_u64().unwrap() as usize);
        let options = FolderOptions { side: [height, width], test_share: 0.0, ..FolderOptions::default() };
        // Nothing is held out of one image, so that there is nothing to test on: the images are looked at by the report.
        let seen = FolderReport::new(dir.path(), &options, &Silent).unwrap();
        assert_eq!(seen.broken, [""; 0], "{name}");
        assert_eq!(seen.classes[0].largest, [width as u32, height as u32], "{name}");
        fs::copy(images.join(&name), dir.path().join("a").join(format!("again-{name}"))).unwrap();
        let options = FolderOptions { test_share: 0.5, ..options };
        let set = Dataset::from_folder("mine", dir.path(), &options, &Silent).unwrap();
        let pixels = set.train.image(0);
        let want = want["pixels"].as_str().unwrap();
        let lossy = name.ends_with(".jpg") || name == "lossy.webp" || name == "jpeg.tif";
        // 16 bits become 8 rounded here; `make.py` cuts what is after the point off.
        let most = if lossy { 6 } else { i32::from(name.starts_with("deep.")) };
        for at in 0..width * height {
            for channel in 0..3 {
                let digits = 6 * at + 2 * channel;
                let want = i32::from(u8::from_str_radix(&want[digits..digits + 2], 16).unwrap());
                let ours = i32::from(pixels[channel * width * height + at]);
                assert!((ours - want).abs() <= most, "{name}, pixel {at}, channel {channel}: {ours}, Pillow {want}");
            }
        }
    }
}

#[test]
fn a_file_that_is_cut_off_is_refused_by_name_in_every_format() {
    let images = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/images");
    for name in
        ["colour.png", "colour.jpg", "progressive.jpg", "lossless.webp", "colour.bmp", "palette.gif", "colour.tif"]
    {
        let bytes = fs::read(images.join(name)).unwrap();
        for cut in [bytes.len() / 2, bytes.len() * 9 / 10] {
            let dir = tempfile::tempdir().unwrap();
            plain(&dir.path().join("a"));
            plain(&dir.path().join("b"));
            fs::write(dir.path().join("b").join(name), &bytes[..cut]).unwrap();
            let said = error(dir.path(), &FolderOptions::default());
            assert!(said.contains(name) && said.contains("expected an image"), "{name} cut at {cut}: {said}");
            let options = FolderOptions { skip_broken: true, ..FolderOptions::default() };
            let shown = Recorded::default();
            let set = Dataset::from_folder("mine", dir.path(), &options, &shown).unwrap();
            assert_eq!(set.train.len() + set.test.len(), 8);
            let said = shown.reports();
            assert!(said.iter().any(|l| l.contains("1 file passed over in b (broken)")), "{said:?}");
        }
    }
}

#[test]
fn classes_that_are_numbers_come_in_their_order_and_what_is_no_image_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    for class in 0..12 {
        plain(&dir.path().join(class.to_string()));
    }
    for i in 0..3 {
        fs::write(dir.path().join(format!("3/{i}.heic")), "").unwrap();
    }
    fs::write(dir.path().join("3/labels.csv"), "").unwrap();
    fs::write(dir.path().join("readme.txt"), "").unwrap();
    let report = report(dir.path());
    let names: Vec<&str> = report.classes.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"]);
    let counts: Vec<_> = report.passed_over.iter().map(|p| (p.class.as_str(), &p.reason, p.files)).collect();
    let ending = |e: &str| Reason::Ending(e.to_owned());
    assert_eq!(counts, [("", &Reason::BesideClasses, 1), ("3", &ending("csv"), 1), ("3", &ending("heic"), 3)]);
    assert!(report.to_string().contains("4 files passed over in 3 (csv 1, heic 3)"), "{report}");
}

#[test]
fn folders_within_classes_are_read_and_systems_own_files_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    for class in ["a", "b"] {
        plain(&dir.path().join(class).join("2024/may"));
        paint(&dir.path().join(class).join("beside.png"), [0; 3]);
    }
    plain(&dir.path().join("__MACOSX/a"));
    fs::write(dir.path().join("a/._0.png"), "\0\u{5}\u{16}\u{7}").unwrap();
    fs::write(dir.path().join("b/Thumbs.db"), "").unwrap();
    let report = report(dir.path());
    assert_eq!(report.classes.iter().map(|c| c.train + c.test).collect::<Vec<_>>(), [5, 5]);
    assert!(report.passed_over.iter().all(|p| p.reason == Reason::System), "{report}");
    assert_eq!(report.passed_over.iter().map(|p| p.files).sum::<usize>(), 3);
}

#[test]
fn a_validation_folder_is_held_out_where_there_is_no_test_folder_and_it_is_said() {
    let dir = tempfile::tempdir().unwrap();
    for class in ["a", "b"] {
        plain(&dir.path().join("mine/train").join(class));
        plain(&dir.path().join("mine/val").join(class));
    }
    let shown = Recorded::default();
    let set = Dataset::from_folder("mine", dir.path(), &FolderOptions::default(), &shown).unwrap();
    assert_eq!((set.class_names.len(), set.train.len(), set.test.len()), (2, 8, 8));
    assert!(shown.reports().iter().any(|l| l.contains("val is held out for testing")), "{:?}", shown.reports());
    // Beside a test folder it is not used, which is said too.
    for class in ["a", "b"] {
        plain(&dir.path().join("mine/test").join(class));
    }
    let report = report(dir.path());
    assert!(report.held_out.as_ref().is_some_and(|part| part.ends_with("test")));
    assert_eq!(report.passed_over[0].reason, Reason::UnusedPart);
    assert!(report.passed_over[0].example.ends_with("val"));
}

#[cfg(unix)]
#[test]
fn links_are_followed_once_and_what_is_no_regular_file_is_never_opened() {
    use std::os::unix::fs::symlink;
    let dir = tempfile::tempdir().unwrap();
    plain(&dir.path().join("a"));
    plain(&dir.path().join("elsewhere"));
    fs::create_dir(dir.path().join("set")).unwrap();
    let set = dir.path().join("set");
    symlink(dir.path().join("a"), set.join("a")).unwrap();
    fs::create_dir(set.join("b")).unwrap();
    symlink(dir.path().join("elsewhere"), set.join("b/linked")).unwrap();
    symlink("linked", set.join("b/linked-again")).unwrap();
    symlink("..", set.join("b/up")).unwrap();
    symlink("nowhere.png", set.join("b/dead.png")).unwrap();
    let fifo = std::ffi::CString::new(set.join("b/pipe.png").to_str().unwrap()).unwrap();
    // SAFETY: a C string that lives until the call returns.
    assert_eq!(unsafe { libc::mkfifo(fifo.as_ptr(), 0o600) }, 0);
    let report = FolderReport::new(&set, &FolderOptions::default(), &Silent).unwrap();
    let of = |reason: Reason| report.passed_over.iter().filter(|p| p.reason == reason).map(|p| p.files).sum::<usize>();
    assert_eq!((of(Reason::NotAFile), of(Reason::DeadLink)), (1, 1), "{report}");
    assert!(of(Reason::Again) >= 2, "{report}");
    assert_eq!(report.classes[0].train + report.classes[0].test, 4);
}

#[test]
fn an_empty_class_is_named_and_passed_over_on_request() {
    let dir = tempfile::tempdir().unwrap();
    for class in ["a", "b"] {
        plain(&dir.path().join(class));
    }
    fs::create_dir(dir.path().join("c")).unwrap();
    fs::write(dir.path().join("c/notes.md"), "").unwrap();
    let said = error(dir.path(), &FolderOptions::default());
    assert!(said.contains("/c: expected files of images") && said.contains("1 file passed over in c (md)"), "{said}");
    let options = FolderOptions { skip_empty: true, ..FolderOptions::default() };
    let report = FolderReport::new(dir.path(), &options, &Silent).unwrap();
    assert_eq!(report.classes.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert!(report.passed_over.iter().any(|p| p.class == "c" && p.reason == Reason::Empty), "{report}");
}

#[test]
fn the_digest_is_of_the_images_and_not_of_where_they_lie() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for dir in [&one, &other] {
        plain(&dir.path().join("a"));
        plain(&dir.path().join("b"));
    }
    assert_eq!(report(one.path()).digest, report(other.path()).digest);
    paint(&other.path().join("b/2.png"), [1, 2, 3]);
    assert_ne!(report(one.path()).digest, report(other.path()).digest);
}
