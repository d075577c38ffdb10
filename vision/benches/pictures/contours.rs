//! A map of one megapixel with 20 regions: from labels to the drawing, compared with imageproc's border following of
//! each region alone. Then the maps that would be most expensive without limits, compared with the same.

use std::io::Cursor;
use std::time::Duration;

use image::{GrayImage, ImageFormat, Luma};
use imageproc::contours::{Contour, find_contours};
use vision::ImageLimits;
use vision::contour::{ContourRequest, Contours, DEFAULT_LEAST_AREA, Position, SegmentationMap, Style, draw};

use crate::mazes::{comb, jagged_comb, noise, specks, spiral};
use crate::memory::peak_of;
use crate::{medians, row, timed};

const LIMITS: ImageLimits =
    ImageLimits { max_bytes: 1 << 26, max_pixels: 50_000_000, max_decode_bytes: 1 << 30 };
const TURNS: usize = 9;
const SIDE: u32 = 1000;
const REGIONS: u8 = 20;
/// Almost as many pixels as an image may have.
const LARGE_SIDE: u32 = 7071;
const HARD_TURNS: usize = 3;

pub(crate) fn bench() {
    let levels = levels();
    let file = encoded(&levels);
    let map = SegmentationMap::decode(&file, &LIMITS).unwrap();
    assert_eq!(drawn(&map).regions.len(), usize::from(REGIONS));
    let masks = (1..=REGIONS).map(|region| mask(&levels, region)).collect::<Vec<_>>();
    let [followed, contours, decoded] = medians(TURNS, |step| match step {
        0 => timed(|| masks.iter().map(find_contours).collect::<Vec<Vec<Contour<u32>>>>()),
        1 => timed(|| drawn(&map)),
        _ => timed(|| SegmentationMap::decode(&file, &LIMITS).unwrap()),
    });
    row("20 regions, imageproc's borders alone", followed, followed);
    row("20 regions, levelled and drawn", contours, followed);
    row("20 regions, the map's PNG decoded", decoded, followed);
    memory_row("drawing", &map, || drawn(&map));
    memory_row("decoding and drawing", &map, || drawn(&SegmentationMap::decode(&file, &LIMITS).unwrap()));
    bench_hard_maps(followed);
}

/// Borders of maximum length, at the limit of pixels and at that of borders; very many turns, arcs and specks.
fn bench_hard_maps(unit: Duration) {
    let maps: [(&str, &dyn Fn() -> SegmentationMap, u32); 7] = [
        ("50 MP, a spiral", &|| spiral(LARGE_SIDE), 1),
        ("50 MP, a comb", &|| comb(LARGE_SIDE), 1),
        ("50 MP, a jagged comb", &|| jagged_comb(LARGE_SIDE, 4), 1),
        ("2 MP, a spiral", &|| spiral(1400), 1),
        ("1 MP, a jagged comb", &|| jagged_comb(SIDE, 24), 1),
        ("1 MP, noise", &|| noise(SIDE), 1),
        ("1 MP, 10,000 specks", &|| specks(SIDE), DEFAULT_LEAST_AREA),
    ];
    for (name, map, least_area) in maps {
        let map = map();
        let [time] = medians(HARD_TURNS, |_| timed(|| drawn_with(&map, least_area)));
        row(name, time, unit);
        memory_row("drawing", &map, || drawn_with(&map, least_area));
    }
}

fn memory_row<T>(name: &str, map: &SegmentationMap, work: impl FnOnce() -> T) {
    let pixels = f64::from(map.width()) * f64::from(map.height());
    let bytes = f64::from(u32::try_from(peak_of(work)).unwrap());
    println!("{:<40} {:>8.2}  bytes a pixel", format!("  most memory, {name}"), bytes / pixels);
}

fn drawn(map: &SegmentationMap) -> Contours {
    drawn_with(map, DEFAULT_LEAST_AREA)
}

fn drawn_with(map: &SegmentationMap, least_area: u32) -> Contours {
    let landmarks = &[Position::new(400.0, 400.0), Position::new(600.0, 450.0)];
    let (width, height, style) = (map.width(), map.height(), Style::default());
    draw(&ContourRequest { width, height, landmarks, style, least_area }, map, None).unwrap()
}

/// Five by four fields with wavy borders, each a region, on a margin of background.
fn levels() -> GrayImage {
    GrayImage::from_fn(SIDE, SIDE, |x, y| {
        let wave = |along: u32| (f64::from(along) / 17.0).sin() * 12.0;
        let field =
            |across: u32, along: u32, size: f64| ((f64::from(across) - 20.0 + wave(along)) / size).floor();
        let (column, row) = (field(x, y, 192.0), field(y, x, 240.0));
        let is_inside = (0.0..5.0).contains(&column) && (0.0..4.0).contains(&row);
        let region =
            (1..=REGIONS).find(|region| f64::from(*region) > row * 5.0 + column).filter(|_| is_inside);
        Luma([region.unwrap_or(0)])
    })
}

fn mask(levels: &GrayImage, region: u8) -> GrayImage {
    GrayImage::from_fn(SIDE, SIDE, |x, y| Luma([if levels.get_pixel(x, y).0 == [region] { 255 } else { 0 }]))
}

fn encoded(levels: &GrayImage) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    levels.write_to(&mut file, ImageFormat::Png).unwrap();
    file.into_inner()
}
