#version 330 core

// Cells of linear light: the mean over the share of each pixel that lies in the cell, top row first as in the reference;
// and with it the churn, by how much the luminance of those pixels changed, either way.

uniform sampler2D picture;    // 8-bit levels, bottom row first as OpenGL draws
uniform sampler2D before;     // the output before this one
uniform sampler2D curve;      // 256 x 1: linear light of each level
uniform ivec2 cells;          // columns, rows
uniform bool emitted;         // the picture was let out; else it is only wanted, and of no churn

out vec4 mean;

const vec3 LUMA = vec3(0.2126, 0.7152, 0.0722);

vec3 linear(vec3 level) {
    ivec3 at = ivec3(level * 255.0 + 0.5);
    return vec3(texelFetch(curve, ivec2(at.r, 0), 0).r, texelFetch(curve, ivec2(at.g, 0), 0).r,
                texelFetch(curve, ivec2(at.b, 0), 0).r);
}

vec4 light_of(ivec2 place) {
    vec3 level = texelFetch(picture, place, 0).rgb, light = linear(level);
    float churn = 0.0;
    if (emitted) {
        vec3 last = texelFetch(before, place, 0).rgb;
        if (last != level) churn = abs(dot(light, LUMA) - dot(linear(last), LUMA));
    }
    return vec4(light, churn);
}

void main() {
    ivec2 size = textureSize(picture, 0);
    ivec2 cell = ivec2(gl_FragCoord.xy);
    // In units of a pixel divided by the number of cells, so that every edge is a whole number.
    ivec2 from = cell * size, to = from + size;
    ivec2 first = from / cells, last = (to - 1) / cells;
    vec4 sum = vec4(0.0);
    for (int y = first.y; y <= last.y; y++) {
        float tall = float(min(to.y, (y + 1) * cells.y) - max(from.y, y * cells.y));
        for (int x = first.x; x <= last.x; x++) {
            float wide = float(min(to.x, (x + 1) * cells.x) - max(from.x, x * cells.x));
            sum += tall * wide * light_of(ivec2(x, size.y - 1 - y));
        }
    }
    mean = sum / (float(size.x) * float(size.y));
}
