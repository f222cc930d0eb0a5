//! What a picture of a page shows, as far as counting pixels tells.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

type Colour = [u8; 3];

/// A picture as colours.
pub(crate) struct Picture {
    width: usize,
    colours: Vec<Colour>,
}

impl Picture {
    /// Reads a PNG.
    pub(crate) fn read(file: &Path) -> Self {
        let mut decoder = png::Decoder::new(BufReader::new(File::open(file).unwrap()));
        decoder.set_transformations(png::Transformations::normalize_to_color8());
        let mut reader = decoder.read_info().unwrap();
        let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut bytes).unwrap();
        let samples = info.color_type.samples();
        assert!(samples >= 3, "a picture without colours: {:?}", info.color_type);
        Self {
            width: info.width as usize,
            colours: bytes
                .chunks_exact(samples)
                .map(|pixel| [pixel[0], pixel[1], pixel[2]])
                .collect(),
        }
    }

    /// How many pixels have this colour.
    pub(crate) fn count(&self, colour: Colour) -> usize {
        self.colours.iter().filter(|other| **other == colour).count()
    }

    /// What the page stands on: the colour of its corner.
    pub(crate) fn ground(&self) -> Colour {
        self.colours[self.width - 1]
    }

    /// Whether nothing is drawn beyond the right edge of the text: the last columns have one colour.
    pub(crate) fn right_edge_is_empty(&self, columns: usize) -> bool {
        let ground = self.ground();
        let mut lines = self.colours.chunks_exact(self.width);
        lines.all(|line| line[self.width - columns..].iter().all(|colour| *colour == ground))
    }
}
