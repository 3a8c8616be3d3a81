// Nushell source, imported as text.
declare module "*.nu" {
  const text: string;
  export default text;
}
