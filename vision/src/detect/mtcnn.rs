//! MTCNN: a small network searches for faces at all positions and sizes, a second one discards most candidates, and a
//! third one decides and places the landmarks. Source: Zhang et al. 2016, "Joint Face Detection and Alignment Using
//! Multi-task Cascaded Convolutional Networks".
//!
//! All three process the picture reduced to its working size; only the encoder's chip is cut from the full one.

use super::FoundFace;
use super::candidate::{Candidate, Overlap, keep_best, regress, square};
use super::canvas::{Canvas, Scaler};
use crate::engine::EngineError;
use crate::geometry::{BoundingBox, Landmarks, Point};
use crate::image::Picture;
use crate::pack::{DetectorPart, MtcnnSettings};
use crate::session::{Network, Runtime};

/// Size of the window that `PNet` slides over a picture, and of its steps, in pixels.
const PNET_WINDOW: u32 = 12;
const PNET_STEP: u32 = 2;
/// Side of the square inputs of the other networks, in pixels.
const RNET_SIDE: u32 = 24;
const ONET_SIDE: u32 = 48;
/// Number of candidates per run of a network. Measured from 4 to 64: with eight, the intermediate results stay in the
/// processor's cache, which saves more than fewer runs do.
const BATCH: usize = 8;
/// Maximum number of candidates for the second network, the most probable first. A crowd of a hundred faces has about
/// this many; a picture crafted to look like faces everywhere must not have more.
const MAX_CANDIDATES: usize = 1000;

/// The three networks, and the memory they work in.
#[derive(Debug)]
pub(crate) struct Mtcnn {
    settings: MtcnnSettings,
    pnet: Network,
    rnet: Network,
    onet: Network,
    scaler: Scaler,
    working: Canvas,
    level: Canvas,
    larger_level: Canvas,
    cuts: Vec<u8>,
}

impl Mtcnn {
    pub(crate) fn load(runtime: &Runtime, part: &DetectorPart, threads: usize) -> Result<Self, EngineError> {
        Ok(Self {
            settings: part.settings.clone(),
            pnet: Network::load(runtime, &part.pnet, threads)?,
            rnet: Network::load(runtime, &part.rnet, threads)?,
            onet: Network::load(runtime, &part.onet, threads)?,
            scaler: Scaler::default(),
            working: Canvas::default(),
            level: Canvas::default(),
            larger_level: Canvas::default(),
            cuts: Vec::new(),
        })
    }

    /// The faces of a picture, in pixels of the original, in no particular order.
    pub(crate) fn find(&mut self, picture: &Picture) -> Result<Vec<FoundFace>, EngineError> {
        let (width, height) = fit(picture.width(), picture.height(), self.settings.working_size);
        self.working.draw(picture, width, height, &mut self.scaler)?;
        let proposed = self.propose()?;
        let refined = self.refine(&proposed)?;
        let faces = self.decide(&refined)?;
        let scale_x = picture.original_width() as f32 / width as f32;
        let scale_y = picture.original_height() as f32 / height as f32;
        Ok(faces.iter().map(|face| face.scaled(scale_x, scale_y)).collect())
    }

    /// Runs every network once, whatever it finds.
    pub(crate) fn warm_up(&mut self) -> Result<(), EngineError> {
        let side = self.settings.working_size;
        self.working.blacken(side, side);
        self.propose()?;
        let bounds = BoundingBox { x: 0.0, y: 0.0, width: side as f32, height: side as f32 };
        let squares = [Candidate { bounds, score: 1.0 }];
        self.refine(&squares)?;
        self.decide(&squares)?;
        Ok(())
    }

    /// `PNet` over the pyramid: squares, in pixels of the working size, that may contain a face.
    fn propose(&mut self) -> Result<Vec<Candidate>, EngineError> {
        let mut candidates = Vec::new();
        for (step, (width, height)) in self.pyramid().into_iter().enumerate() {
            std::mem::swap(&mut self.level, &mut self.larger_level);
            let larger = if step == 0 { &self.working } else { &self.larger_level };
            self.level.shrink(larger, width, height, &mut self.scaler)?;
            let found = self.propose_in_level()?;
            candidates.extend(keep_best(found, self.settings.overlaps.scale, Overlap::Union));
        }
        let mut kept = keep_best(candidates, self.settings.overlaps.pnet, Overlap::Union);
        kept.truncate(MAX_CANDIDATES);
        Ok(kept.iter().map(Proposal::square).collect())
    }

    /// The scales at which a window of `PNet` fits a face, from the smallest requested face to the largest.
    fn pyramid(&self) -> Vec<(u32, u32)> {
        let first = f64::from(PNET_WINDOW) / f64::from(self.settings.minimum_face);
        let scales = std::iter::successors(Some(first), |scale| Some(scale * self.settings.pyramid_factor));
        let side_at = |side: u32, scale: f64| (f64::from(side) * scale).ceil() as u32;
        scales
            .map(|scale| (side_at(self.working.width(), scale), side_at(self.working.height(), scale)))
            .take_while(|(width, height)| *width.min(height) >= PNET_WINDOW)
            .collect()
    }

    fn propose_in_level(&mut self) -> Result<Vec<Proposal>, EngineError> {
        let (width, height) = (self.level.width(), self.level.height());
        let map = Map::of_picture(width, height);
        let outputs = self.pnet.run([1, height as usize, width as usize, 3], self.level.pixels())?;
        let probabilities = outputs.numbers("probability", map.cells())?;
        let regressions = outputs.numbers("regression", 4 * map.cells())?;
        let scale_x = self.working.width() as f32 / width as f32;
        let scale_y = self.working.height() as f32 / height as f32;
        let threshold = self.settings.thresholds.pnet;
        let likely = probabilities.iter().enumerate().filter(|(_, probability)| **probability > threshold);
        let proposal = |(cell, score): (usize, &f32)| Proposal {
            candidate: Candidate { bounds: map.window(cell, scale_x, scale_y), score: *score },
            regression: std::array::from_fn(|side| regressions[side * map.cells() + cell]),
        };
        Ok(likely.map(proposal).collect())
    }

    /// `RNet` on the candidates of `PNet`: fewer squares, nearer to the faces.
    fn refine(&mut self, squares: &[Candidate]) -> Result<Vec<Candidate>, EngineError> {
        let mut refined = Vec::new();
        for batch in squares.chunks(BATCH) {
            self.cut(batch, RNET_SIDE)?;
            let outputs =
                self.rnet.run([batch.len(), RNET_SIDE as usize, RNET_SIDE as usize, 3], &self.cuts)?;
            let probabilities = outputs.numbers("probability", batch.len())?;
            let regressions = outputs.numbers("regression", 4 * batch.len())?;
            for ((square, score), regression) in
                batch.iter().zip(probabilities).zip(regressions.as_chunks().0)
            {
                if *score > self.settings.thresholds.rnet {
                    let candidate = Candidate { bounds: square.bounds, score: *score };
                    refined.push(Proposal { candidate, regression: *regression });
                }
            }
        }
        let kept = keep_best(refined, self.settings.overlaps.rnet, Overlap::Union);
        Ok(kept.iter().map(Proposal::square).collect())
    }

    /// `ONet` on the remaining candidates of `RNet`: faces with landmarks, in pixels of the working size.
    fn decide(&mut self, squares: &[Candidate]) -> Result<Vec<Face>, EngineError> {
        let mut faces = Vec::new();
        for batch in squares.chunks(BATCH) {
            self.cut(batch, ONET_SIDE)?;
            let outputs =
                self.onet.run([batch.len(), ONET_SIDE as usize, ONET_SIDE as usize, 3], &self.cuts)?;
            let probabilities = outputs.numbers("probability", batch.len())?;
            let regressions = outputs.numbers("regression", 4 * batch.len())?.as_chunks().0;
            let landmarks = outputs.numbers("landmarks", 10 * batch.len())?.as_chunks().0;
            for (index, square) in batch.iter().enumerate() {
                let score = probabilities[index];
                if score > self.settings.thresholds.onet {
                    let bounds = regress(&square.bounds, regressions[index]);
                    let landmarks = placed(&square.bounds, &landmarks[index]);
                    faces.push(Face { candidate: Candidate { bounds, score }, landmarks });
                }
            }
        }
        Ok(keep_best(faces, self.settings.overlaps.onet, Overlap::Smaller))
    }

    /// Fills `cuts` with the squares, one after the other, each scaled to side x side.
    fn cut(&mut self, squares: &[Candidate], side: u32) -> Result<(), EngineError> {
        let bytes = side as usize * side as usize * 3;
        self.cuts.resize(squares.len() * bytes, 0);
        for (square, cut) in squares.iter().zip(self.cuts.chunks_exact_mut(bytes)) {
            self.working.cut(&square.bounds, side, cut, &mut self.scaler)?;
        }
        Ok(())
    }
}

/// A candidate, and the network's corrections of its sides.
#[derive(Debug, Clone, Copy)]
struct Proposal {
    candidate: Candidate,
    regression: [f32; 4],
}

impl Proposal {
    /// The square around the corrected box.
    fn square(&self) -> Candidate {
        let bounds = square(&regress(&self.candidate.bounds, self.regression));
        Candidate { bounds, score: self.candidate.score }
    }
}

impl AsRef<Candidate> for Proposal {
    fn as_ref(&self) -> &Candidate {
        &self.candidate
    }
}

/// A face in pixels of the working size.
#[derive(Debug, Clone, Copy)]
struct Face {
    candidate: Candidate,
    landmarks: [Point; 5],
}

impl Face {
    fn scaled(&self, scale_x: f32, scale_y: f32) -> FoundFace {
        let Candidate { bounds, score } = self.candidate;
        FoundFace {
            bounding_box: BoundingBox {
                x: bounds.x * scale_x,
                y: bounds.y * scale_y,
                width: bounds.width * scale_x,
                height: bounds.height * scale_y,
            },
            confidence: score,
            landmarks: Landmarks::from_points(
                self.landmarks.map(|point| Point::new(point.x * scale_x, point.y * scale_y)),
            ),
        }
    }
}

impl AsRef<Candidate> for Face {
    fn as_ref(&self) -> &Candidate {
        &self.candidate
    }
}

/// `PNet`'s output for a picture: one cell per window.
#[derive(Debug, Clone, Copy)]
struct Map {
    columns: usize,
    rows: usize,
}

impl Map {
    fn of_picture(width: u32, height: u32) -> Self {
        // A convolution of 3, a pooling of 2 that rounds up, and two convolutions of 3.
        let cells = |side: u32| (side as usize - 1) / 2 - 4;
        Self { columns: cells(width), rows: cells(height) }
    }

    fn cells(self) -> usize {
        self.columns * self.rows
    }

    /// The window of a cell, scaled to the working size.
    fn window(self, cell: usize, scale_x: f32, scale_y: f32) -> BoundingBox {
        let (column, row) = (cell % self.columns, cell / self.columns);
        let (step, window) = (PNET_STEP as f32, PNET_WINDOW as f32);
        BoundingBox {
            x: column as f32 * step * scale_x,
            y: row as f32 * step * scale_y,
            width: window * scale_x,
            height: window * scale_y,
        }
    }
}

/// The size with the same proportions whose long side is `long_side`; a smaller picture keeps its size.
fn fit(width: u32, height: u32, long_side: u32) -> (u32, u32) {
    let scale = f64::from(long_side) / f64::from(width.max(height));
    let scaled = |side: u32| ((f64::from(side) * scale).round() as u32).max(1);
    if scale < 1.0 { (scaled(width), scaled(height)) } else { (width, height) }
}

/// Landmarks that a network gives as fractions of its square: five x, then five y.
fn placed(square: &BoundingBox, parts: &[f32; 10]) -> [Point; 5] {
    std::array::from_fn(|index| {
        Point::new(square.x + parts[index] * square.width, square.y + parts[index + 5] * square.height)
    })
}
