#version 330 core

// The sum along one direction of a small texture; twice, and it is one pixel.

uniform sampler2D parts;
uniform ivec2 along;          // (1, 0) or (0, 1)

out vec4 total;

void main() {
    ivec2 place = ivec2(gl_FragCoord.xy), size = textureSize(parts, 0);
    int count = along.x * size.x + along.y * size.y;
    total = vec4(0.0);
    for (int at = 0; at < count; at++) total += texelFetch(parts, place * (1 - along) + at * along, 0);
}
