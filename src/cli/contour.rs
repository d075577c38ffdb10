//! `faceql contour`: draws the levelled outlines of a segmentation map without a server.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use vision::contour::{self, ContourRequest, Position, SegmentationMap, Style};
use vision::{ImageHeader, Picture};

use super::Fault;
use super::local::{read, write, write_json};
use super::say;
use crate::config::Config;
use crate::graphql::ContourRegion;

/// The arguments of `faceql contour`.
#[derive(Args)]
pub(super) struct ContourArgs {
    /// Image of a face.
    image: PathBuf,
    /// Segmentation map of the same size, preferably PNG. Each distinct non-zero grey level or color is one region.
    map: PathBuf,
    /// JSON file with a list of {"x": …, "y": …} in pixels of the image, the two eyes first.
    landmarks: PathBuf,
    /// Opacity of the regions, from 0 (outlines only) to 1 (opaque).
    #[arg(long, default_value_t = Style::default().fill_opacity)]
    fill_opacity: f64,
    /// Width of the outlines in pixels; 0 draws none.
    #[arg(long, default_value_t = Style::default().stroke_width)]
    stroke_width: f64,
    /// Draw dashed outlines.
    #[arg(long)]
    dashed: bool,
    /// Smoothing of the outlines, from 0 to 10.
    #[arg(long, default_value_t = Style::default().smoothing)]
    smoothing: f64,
    /// Draw the regions without the image.
    #[arg(long)]
    no_image: bool,
    /// Output folder; by default the folder of the image.
    #[arg(long)]
    output: Option<PathBuf>,
}

/// Writes NAME.contour.svg and NAME.contour.json.
pub(super) fn run(config: &Config, arguments: &ContourArgs) -> Result<(), Fault> {
    let limits = &config.engine.limits;
    let file = &arguments.image;
    let image = read(file)?;
    let of_image = |error: vision::ImageError| format!("{}: {error}", file.display());
    let header = ImageHeader::read(&image, limits).map_err(of_image)?;
    let landmarks = landmarks(&arguments.landmarks)?;
    let request = ContourRequest {
        width: header.width,
        height: header.height,
        landmarks: &landmarks,
        style: Style {
            fill_opacity: arguments.fill_opacity,
            stroke_width: arguments.stroke_width,
            is_dashed: arguments.dashed,
            smoothing: arguments.smoothing,
        },
        least_area: config.contours.least_area,
    };
    let map = SegmentationMap::decode(&read(&arguments.map)?, limits)?;
    request.check(map.width(), map.height())?;
    let picture = Picture::decode(&image, limits).map_err(of_image)?;
    let drawn = contour::draw(&request, &map, (!arguments.no_image).then_some(&picture))?;
    save(file, arguments.output.as_deref(), drawn)
}

fn landmarks(file: &Path) -> Result<Vec<Position>, Fault> {
    let landmarks = serde_json::from_slice(&read(file)?);
    landmarks.map_err(|error| {
        format!("{}: {error}; expected a list such as [{{\"x\": 210, \"y\": 180}}, …]", file.display()).into()
    })
}

fn save(image: &Path, folder: Option<&Path>, drawn: contour::Contours) -> Result<(), Fault> {
    let regions: Vec<ContourRegion> = drawn.regions.into_iter().map(ContourRegion::from).collect();
    let said = json!({
        "width": drawn.width,
        "height": drawn.height,
        "transform": drawn.transform,
        "rotationDegrees": drawn.rotation_degrees,
        "droppedSpecks": drawn.dropped_specks,
        "regions": regions,
    });
    let svg = write(image, folder, "contour.svg", drawn.svg.as_bytes())?;
    let data = write_json(image, folder, "contour.json", &said)?;
    let (count, image) = (regions.len(), image.display());
    say(&format!("{image}: {count} region(s), {} and {}", svg.display(), data.display()));
    Ok(())
}
