//! Writing a data set as a folder of class folders.

use std::path::Path;

use crate::data::dataset::Dataset;
use crate::data::images::Images;
use crate::error::{Error, Result};

impl Dataset {
    /// Writes the first images of each class as PNG files, `train/<class>/<n>.png` and `test/<class>/<n>.png`: the form
    /// that [`Dataset::from_folder`] reads. At most `count` of each class and part are written.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Format`] naming the file; [`Error::Parameter`] when two classes have one name, or one
    /// that is no folder's.
    pub fn save_folder(&self, folder: impl AsRef<Path>, count: usize) -> Result<()> {
        for (i, name) in self.class_names.iter().enumerate() {
            if self.class_names[..i].contains(name)
                || name.is_empty()
                || name.starts_with('.')
                || name.contains(['/', '\\'])
            {
                return Err(Error::parameter("class_names", "names of folders, each once", name));
            }
        }
        for (part, images) in [("train", &self.train), ("test", &self.test)] {
            let mut written = vec![0usize; self.class_names.len()];
            for (row, &label) in images.labels.iter().enumerate() {
                let class = usize::from(label);
                if written[class] < count {
                    let file = folder.as_ref().join(part).join(&self.class_names[class]);
                    crate::util::files::create_dir(&file)?;
                    write(&file.join(format!("{:05}.png", written[class])), images, row)?;
                    written[class] += 1;
                }
            }
        }
        Ok(())
    }
}

fn write(path: &Path, images: &Images, row: usize) -> Result<()> {
    let [channels, height, width] = images.shape;
    let (bytes, area) = (images.image(row), height * width);
    let interleaved: Vec<u8> = (0..area).flat_map(|i| (0..channels).map(move |c| bytes[c * area + i])).collect();
    let colour = if channels == 3 { image::ColorType::Rgb8 } else { image::ColorType::L8 };
    let written = image::save_buffer(path, &interleaved, width as u32, height as u32, colour);
    written.map_err(|e| Error::format(path, "an image that can be written", e.to_string()))
}
