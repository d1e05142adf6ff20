int main() {
  int unused;  // a warning, if somebody asked for warnings
  return 0;
}
