//! FaceQL face engine.
