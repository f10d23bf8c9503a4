//! Data sets of one's own: a folder of class folders with PNG or JPEG files, or arrays of bytes.

use std::path::{Path, PathBuf};

use image::imageops::FilterType;

use crate::data::dataset::Dataset;
use crate::data::images::Pictures;
use crate::error::{Error, Result};
use crate::rng::TorchRng;
use crate::runtime::cancel;
use crate::runtime::progress::{Progress, Unit};

/// How the files of a folder become pictures.
#[derive(Clone, Debug, PartialEq)]
pub struct FolderOptions {
    /// Height and width that every picture is brought to, in pixels; its proportions are not kept.
    pub side: [usize; 2],
    /// Colour (three channels) or grey (one).
    pub colour: bool,
    /// The share of each class that is held out for testing where the folder has no `test` folder, from 0 to below 1.
    pub test_share: f64,
    /// Seed of the choice of those.
    pub seed: u64,
}

impl Default for FolderOptions {
    /// 32 x 32, colour, a fifth held out.
    fn default() -> Self {
        FolderOptions { side: [32, 32], colour: true, test_share: 0.2, seed: 0 }
    }
}

/// Labels are bytes.
const MOST_CLASSES: usize = 256;

impl Dataset {
    /// A data set of one's own from a folder: `train/<class>/*.png` and `test/<class>/*.png`, or only one of
    /// `train/<class>/*.png` and `<class>/*.png`, of which a share is held out for testing. PNG and JPEG files are read (`.png`, `.jpg`, `.jpeg`), others passed over.
    /// Classes are labelled in the order of their folders' names. Progress counts files.
    ///
    /// # Errors
    /// [`Error::Io`] when a folder or file cannot be read; [`Error::Format`], naming it, when a file is not the picture
    /// its name says, when there are fewer than two class folders or more than 256, when one holds no pictures, or when
    /// a class is in `test` and not in `train`; [`Error::Parameter`] for options out of range; [`Error::Interrupted`].
    pub fn from_folder(
        name: &str,
        folder: impl AsRef<Path>,
        options: &FolderOptions,
        progress: &dyn Progress,
    ) -> Result<Dataset> {
        let folder = folder.as_ref();
        check(options)?;
        let (in_train, parted) = (folder.join("train"), folder.join("test").is_dir() && folder.join("train").is_dir());
        // A folder `train` by itself is no class, as there are two at least.
        let alone = in_train.is_dir() && folders(folder)?.len() == 1;
        let classes = class_folders(if parted || alone { &in_train } else { folder })?;
        let mut train = Vec::new();
        let mut test = Vec::new();
        for (label, (_, class)) in classes.iter().enumerate() {
            let files = picture_files(class)?;
            if files.is_empty() {
                return Err(Error::format(class, "PNG or JPEG files", "none"));
            }
            let of_class = |files: Vec<PathBuf>| files.into_iter().map(move |f| (f, label as u8));
            if parted {
                train.extend(of_class(files));
                continue;
            }
            let (kept, held) = hold_out(files, options);
            train.extend(of_class(kept));
            test.extend(of_class(held));
        }
        if parted {
            for (class, path) in class_folders(&folder.join("test"))? {
                let label = classes.iter().position(|(c, _)| *c == class);
                let Some(label) = label else {
                    return Err(Error::format(&path, "a class that is in `train` too", class));
                };
                test.extend(picture_files(&path)?.into_iter().map(|f| (f, label as u8)));
            }
        }
        progress.begin(&format!("reading {name}"), (train.len() + test.len()) as u64, Unit::Work);
        let read = read_all(&train, options, progress).and_then(|a| Ok((a, read_all(&test, options, progress)?)));
        progress.end();
        let (train, test) = read?;
        let names: Vec<&str> = classes.iter().map(|(c, _)| c.as_str()).collect();
        Ok(Dataset { place: folder.display().to_string(), ..Dataset::from_pictures(name, &names, train, test)? })
    }
}

fn check(options: &FolderOptions) -> Result<()> {
    if options.side.iter().any(|s| !(1..=4096).contains(s)) {
        return Err(Error::parameter("side", "a height and width from 1 to 4096", format!("{:?}", options.side)));
    }
    if !(0.0..1.0).contains(&options.test_share) {
        return Err(Error::parameter("test_share", "a share from 0 to below 1", options.test_share));
    }
    Ok(())
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let list = std::fs::read_dir(folder).map_err(Error::io("read", folder))?;
    let path = |entry: std::io::Result<std::fs::DirEntry>| Ok(entry.map_err(Error::io("read", folder))?.path());
    let mut paths = list.map(path).collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

/// The folders in a folder, by name, but for hidden ones.
fn folders(folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    let named = |path: PathBuf| Some((path.file_name()?.to_string_lossy().into_owned(), path));
    let folders = entries(folder)?.into_iter().filter(|p| p.is_dir()).filter_map(named);
    Ok(folders.filter(|(name, _)| !name.starts_with('.')).collect())
}

/// The classes of a folder by name.
fn class_folders(folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    let classes = folders(folder)?;
    if !(2..=MOST_CLASSES).contains(&classes.len()) {
        let expected = format!("2 to {MOST_CLASSES} class folders with PNG or JPEG files");
        return Err(Error::format(folder, expected, classes.len().to_string()));
    }
    Ok(classes)
}

fn picture_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let is_picture = |p: &PathBuf| {
        let ending = p.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase);
        matches!(ending.as_deref(), Some("png" | "jpg" | "jpeg"))
    };
    Ok(entries(folder)?.into_iter().filter(is_picture).collect())
}

/// Parts the files of a class into those for training and those held out, both in the order of their names. At least
/// one is kept for training.
fn hold_out(files: Vec<PathBuf>, options: &FolderOptions) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let held = ((files.len() as f64 * options.test_share).round() as usize).min(files.len() - 1);
    let order = TorchRng::new(options.seed).randperm(files.len());
    let chosen: std::collections::HashSet<usize> = order.iter().take(held).map(|&i| i as usize).collect();
    let (mut kept, mut out) = (Vec::new(), Vec::new());
    for (i, file) in files.into_iter().enumerate() {
        if chosen.contains(&i) { &mut out } else { &mut kept }.push(file);
    }
    (kept, out)
}

fn read_all(files: &[(PathBuf, u8)], options: &FolderOptions, progress: &dyn Progress) -> Result<Pictures> {
    let channels = if options.colour { 3 } else { 1 };
    let mut pixels = Vec::with_capacity(files.len() * channels * options.side[0] * options.side[1]);
    for (path, _) in files {
        cancel::check("reading pictures")?;
        read(path, options, &mut pixels)?;
        progress.advance(1);
    }
    let labels = files.iter().map(|(_, label)| *label).collect();
    Pictures::from_bytes(pixels, labels, [channels, options.side[0], options.side[1]])
}

/// Appends a file's picture, channel by channel.
fn read(path: &Path, options: &FolderOptions, pixels: &mut Vec<u8>) -> Result<()> {
    let bytes = crate::util::files::read(path)?;
    let broken = |e: image::ImageError| Error::format(path, "a PNG or JPEG picture", e.to_string());
    let picture = image::load_from_memory(&bytes).map_err(broken)?;
    let [height, width] = options.side.map(|s| s as u32);
    let picture = match (picture.height(), picture.width()) == (height, width) {
        true => picture,
        false => picture.resize_exact(width, height, FilterType::Triangle),
    };
    if options.colour {
        let rgb = picture.to_rgb8();
        (0..3).for_each(|channel| pixels.extend(rgb.pixels().map(|p| p.0[channel])));
    } else {
        pixels.extend_from_slice(picture.to_luma8().as_raw());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::progress::Silent;

    fn paint(path: &Path, [height, width]: [u32; 2], colour: [u8; 3]) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        image::RgbImage::from_pixel(width, height, image::Rgb(colour)).save(path).unwrap();
    }

    #[test]
    fn class_folders_become_labels_and_a_share_is_held_out() {
        let dir = tempfile::tempdir().unwrap();
        for i in 0..10 {
            paint(&dir.path().join(format!("cat/{i}.png")), [8, 8], [200, i, 3]);
            paint(&dir.path().join(format!("ant/{i}.jpg")), [16, 12], [10, 20, 30]);
        }
        std::fs::write(dir.path().join("cat/notes.txt"), "not a picture").unwrap();
        std::fs::create_dir(dir.path().join(".cache")).unwrap();
        let options = FolderOptions { side: [8, 8], ..FolderOptions::default() };
        let set = Dataset::from_folder("mine", dir.path(), &options, &Silent).unwrap();
        assert_eq!(
            (set.name.as_str(), set.class_names.as_slice()),
            ("mine", &["ant".to_owned(), "cat".to_owned()][..])
        );
        assert_eq!((set.train.len(), set.test.len(), set.train.shape), (16, 4, [3, 8, 8]));
        let cat = set.train.labels.iter().position(|&l| l == 1).unwrap();
        let picture = set.train.picture(cat);
        assert!(
            picture[..64].iter().all(|&p| p == 200) && picture[128..].iter().all(|&p| p == 3),
            "red first, blue last"
        );
        let again = Dataset::from_folder("mine", dir.path(), &options, &Silent).unwrap();
        assert_eq!(set.test.pixels, again.test.pixels);
        // The same below a folder `train` that has no `test` beside it.
        let other = tempfile::tempdir().unwrap();
        std::fs::create_dir(other.path().join("train")).unwrap();
        for class in ["cat", "ant"] {
            std::fs::rename(dir.path().join(class), other.path().join("train").join(class)).unwrap();
        }
        let moved = Dataset::from_folder("mine", other.path(), &options, &Silent).unwrap();
        assert_eq!((moved.class_names, moved.test.pixels.clone()), (set.class_names.clone(), set.test.pixels.clone()));
        let grey = FolderOptions { colour: false, ..options };
        assert_eq!(Dataset::from_folder("mine", other.path(), &grey, &Silent).unwrap().train.shape, [1, 8, 8]);
    }

    #[test]
    fn train_and_test_folders_are_taken_as_they_are() {
        let dir = tempfile::tempdir().unwrap();
        for (place, count) in [("train/a", 3), ("train/b", 2), ("test/a", 1), ("test/b", 2)] {
            (0..count).for_each(|i| paint(&dir.path().join(format!("{place}/{i}.png")), [4, 4], [1, 2, 3]));
        }
        let options = FolderOptions { side: [4, 4], ..FolderOptions::default() };
        let load = || Dataset::from_folder("mine", dir.path(), &options, &Silent);
        let set = load().unwrap();
        assert_eq!((set.train.labels.as_slice(), set.test.labels.as_slice()), (&[0, 0, 0, 1, 1][..], &[0, 1, 1][..]));
        paint(&dir.path().join("test/c/0.png"), [4, 4], [0; 3]);
        assert!(load().unwrap_err().to_string().contains("in `train` too"));
    }

    #[test]
    fn a_data_set_survives_being_written_as_a_folder() {
        let pictures = |labels: Vec<u8>| {
            let bytes = (0..labels.len() * 12).map(|i| (i * 7) as u8).collect();
            Pictures::from_bytes(bytes, labels, [3, 2, 2]).unwrap()
        };
        let set = Dataset::from_pictures("m", &["a", "b"], pictures(vec![0, 0, 1, 1]), pictures(vec![0, 1])).unwrap();
        let dir = tempfile::tempdir().unwrap();
        set.save_folder(dir.path(), 10).unwrap();
        let options = FolderOptions { side: [2, 2], ..FolderOptions::default() };
        let read = Dataset::from_folder("m", dir.path(), &options, &Silent).unwrap();
        assert_eq!(
            (read.train, read.test, read.class_names),
            (set.train.clone(), set.test.clone(), set.class_names.clone())
        );
        let odd = Dataset { class_names: vec!["../a".into(), "b".into()], ..set };
        assert!(odd.save_folder(dir.path(), 1).unwrap_err().to_string().contains("`class_names`"));
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let load = |options: &FolderOptions| Dataset::from_folder("mine", dir.path(), options, &Silent);
        let error = |options: &FolderOptions| load(options).unwrap_err().to_string();
        let options = FolderOptions::default();
        assert!(error(&options).contains("2 to 256 class folders"), "{}", error(&options));
        paint(&dir.path().join("a/0.png"), [4, 4], [0; 3]);
        std::fs::create_dir(dir.path().join("b")).unwrap();
        assert!(error(&options).contains("/b: expected PNG or JPEG files, found none"), "{}", error(&options));
        std::fs::write(dir.path().join("b/0.png"), "not one").unwrap();
        assert!(error(&options).contains("b/0.png: expected a PNG or JPEG picture"), "{}", error(&options));
        assert!(error(&FolderOptions { side: [0, 4], ..options.clone() }).contains("`side`"));
        assert!(error(&FolderOptions { test_share: 1.0, ..options }).contains("`test_share`"));
        assert!(load(&FolderOptions::default()).is_err());
        let pictures = |labels: Vec<u8>| Pictures::from_bytes(vec![0; labels.len() * 4], labels, [1, 2, 2]).unwrap();
        assert!(Pictures::from_bytes(vec![0; 3], vec![0], [1, 2, 2]).is_err());
        assert!(Pictures::from_bytes(vec![0; 8], vec![0], [2, 2, 2]).is_err());
        let make = |train, test| Dataset::from_pictures("m", &["a", "b"], pictures(train), pictures(test));
        assert!(make(vec![0, 2], vec![0]).unwrap_err().to_string().contains("label 2"));
        assert!(make(vec![0, 1], vec![]).is_err() && make(vec![0, 1], vec![1]).is_ok());
    }
}
