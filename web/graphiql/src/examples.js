// The tabs shown on the first visit: one or more operations for every domain, with instructions in comments.

/** Placeholder for a file in the variables. The selected file is sent in its place. */
const chosen = 'selected under Files';

const service = {
  headers: { 'X-API-Key': '' },
  query: `# Version, health, models and limits of this
# server. To run it, press the triangle or
# Ctrl-Enter. If the server requires an API
# key, enter yours under Headers.
query Service {
  service {
    version
    ready
    components { name healthy detail }
    models {
      name
      role
      dimensions
      metric
      matchThreshold
      license
    }
    limits {
      imagesPerContainer
      maxUploadBytes
    }
  }
}
`,
};

const createContainer = {
  query: `# A container holds a few photos and
# compares their faces. Run this, and copy
# the id: the next two tabs need it.
mutation CreateContainer($metadata: JSON) {
  createContainer(input: { metadata: $metadata }) {
    container { id imageLimit createdAt }
  }
}
`,
  variables: { metadata: { order: 7 } },
};

const uploadImage = {
  query: `# Enter the container's id under Variables,
# select a photo under Files (left panel),
# and run this. It returns immediately: the
# faces are encoded in the background.
mutation UploadImage(
  $container: ID!
  $photo: Upload!
) {
  uploadImage(
    input: {
      containerId: $container
      image: { upload: $photo }
    }
  ) {
    image { id status contentType }
  }
}
`,
  variables: { container: 'container_…', photo: chosen },
};

const watchImages = {
  query: `# Enter the container's id under Variables.
# Emits the state of every image, then every
# change. Completes once no image is
# PROCESSING.
subscription WatchImages($container: ID!) {
  imageStatusChanged(
    containerId: $container
    untilSettled: true
  ) {
    id
    status
    revision
    encodings {
      dimensions
      face {
        confidence
        quality { overall issues }
      }
    }
    error { code message }
    container {
      comparison {
        samePerson
        pairs { similarity decision }
      }
    }
  }
}
`,
  variables: { container: 'container_…' },
};

const enrollPerson = {
  query: `# Enrolls a person. Select a photo of one
# person under Files and run this; repeat it
# with more photos. A rejected photo is
# returned with a code that says why.
mutation EnrollPerson(
  $externalId: String!
  $name: String
  $grantedAt: DateTime!
  $photo: Upload!
) {
  enrollPerson(
    input: {
      externalId: $externalId
      displayName: $name
      consent: {
        grantedAt: $grantedAt
        reference: "form 7"
      }
      images: [{ upload: $photo }]
    }
  ) {
    person { id displayName faceCount }
    rejected { index code message issues }
  }
}
`,
  variables: { externalId: 'ada', name: 'Ada', grantedAt: '2026-01-31T12:00:00Z', photo: chosen },
};

const identifyPerson = {
  query: `# Identification (1:N). Select another photo
# under Files and run this.
mutation IdentifyPerson(
  $photo: Upload!
  $gallery: String! = "default"
) {
  identifyPerson(
    input: {
      gallery: $gallery
      image: { upload: $photo }
    }
  ) {
    searchedFaces
    candidates {
      person { id externalId displayName }
      match { similarity distance decision }
    }
    face { confidence }
  }
}
`,
  variables: { photo: chosen },
};

const guidedEnrollment = {
  query: `# Guided enrollment. Run StartEnrollment and
# enter its id under Variables. Run AddFrame
# once for each photo, selected under Files,
# then CompleteEnrollment. The triangle
# opens a menu of these operations.
mutation StartEnrollment(
  $externalId: String!
  $grantedAt: DateTime!
) {
  startEnrollment(
    input: {
      externalId: $externalId
      consent: { grantedAt: $grantedAt }
      requiredFrames: 2
    }
  ) {
    enrollment { id status expiresAt }
  }
}

mutation AddFrame(
  $enrollment: ID!
  $frame: Upload!
) {
  addEnrollmentFrame(
    input: {
      enrollmentId: $enrollment
      image: { upload: $frame }
    }
  ) {
    frame { index accepted code message }
    enrollment { status frames { accepted } }
  }
}

mutation CompleteEnrollment($enrollment: ID!) {
  completeEnrollment(
    input: { enrollmentId: $enrollment }
  ) {
    enrollment { status }
    person { id externalId faceCount quality }
  }
}

# Run this in a second browser window to
# follow the session.
subscription WatchEnrollment(
  $enrollment: ID!
) {
  enrollmentChanged(id: $enrollment) {
    status
    frames { index accepted message }
  }
}
`,
  variables: {
    externalId: 'grace',
    grantedAt: '2026-01-31T12:00:00Z',
    enrollment: 'enrollment_…',
    frame: chosen,
  },
};

const submitDetection = {
  query: `# Detects the faces of an image in the
# background. Select an image under Files,
# run SubmitDetection, enter its id under
# Variables, and run WatchDetection.
mutation SubmitDetection($picture: Upload!) {
  submitDetection(
    input: {
      image: { upload: $picture }
      maxFaces: 20
    }
  ) {
    detection { id status createdAt }
  }
}

subscription WatchDetection($detection: ID!) {
  detectionChanged(id: $detection) {
    status
    width
    height
    faces {
      confidence
      box { x y width height }
      quality { overall issues }
    }
    processedImageUrl
    error { code message }
  }
}
`,
  variables: { picture: chosen, detection: 'detection_…' },
};

const detectionFeed = {
  query: `# Emits every detection as it finishes. Run
# this in a second browser window, and
# submit images in the first. With the
# cursor of an earlier item as \`after\`, it
# starts with the detections that finished
# since.
subscription DetectionFeed($after: String) {
  detectionFeed(after: $after) {
    cursor
    detection {
      id
      status
      completedAt
      faces { confidence }
    }
  }
}
`,
  variables: { after: null },
};

const submitContour = {
  query: `# Draws the regions of a segmentation map.
# Select a portrait and its map under Files,
# enter the landmarks under Variables, run
# SubmitContour, enter its id, and run
# WatchContour. The landmarks given here are
# those of docs/pictures/portrait.png in
# FaceQL's repository; the map is
# portrait.map.png in the same folder.
mutation SubmitContour(
  $portrait: Upload!
  $map: Upload!
  $landmarks: [PointInput!]!
) {
  submitContour(
    input: {
      image: { upload: $portrait }
      segmentationMap: { upload: $map }
      landmarks: $landmarks
    }
  ) {
    cached
    contour { id status }
  }
}

subscription WatchContour($contour: ID!) {
  contourChanged(id: $contour) {
    status
    width
    height
    rotationDegrees
    regions { label color area }
    svgUrl
    svg
    error { code message }
  }
}
`,
  variables: {
    contour: 'contour_…',
    portrait: chosen,
    map: chosen,
    landmarks: [
      { x: 195.1, y: 224.9 },
      { x: 285.0, y: 239.2 },
      { x: 231.0, y: 289.2 },
      { x: 184.0, y: 326.5 },
      { x: 264.2, y: 339.2 },
    ],
  },
};

const tabs = [
  service,
  createContainer,
  uploadImage,
  watchImages,
  enrollPerson,
  identifyPerson,
  guidedEnrollment,
  submitDetection,
  detectionFeed,
  submitContour,
];

/** In the format of GraphiQL's `defaultTabs`. */
export const examples = tabs.map(({ query, variables, headers }) => ({
  query,
  variables: variables && JSON.stringify(variables, null, 2),
  headers: headers && JSON.stringify(headers, null, 2),
}));
