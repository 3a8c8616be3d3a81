# A stub of Homebrew: as much of its formula language as a formula for a ready-made binary may use, and no more, so that a
# word that is not known here is an error.
#
#   ruby homebrew.rb FORMULA info OS ARCH           prints what the formula says, as JSON
#   ruby homebrew.rb FORMULA install PREFIX         runs its install block, in a directory that holds an unpacked archive
#   ruby homebrew.rb FORMULA test PREFIX TESTPATH   runs its test block
require "fileutils"
require "json"
require "open3"
require "pathname"

FORMULA, COMMAND, *ARGUMENTS = ARGV

class Pathname
  def install(*sources)
    sources.each do |source|
      pairs = source.is_a?(Hash) ? source : { source => File.basename(source) }
      pairs.each do |from, name|
        raise "#{from} is not in the archive" unless File.exist?(from)

        mkpath
        FileUtils.cp(from, self/name)
      end
    end
  end
end

class Service
  attr_reader :said

  def initialize(formula)
    @formula = formula
    @said = {}
  end

  [:run, :keep_alive, :working_dir, :log_path, :error_log_path].each do |word|
    define_method(word) { |value| @said[word] = value.is_a?(Array) ? value.map(&:to_s) : value }
  end

  [:opt_bin, :var].each { |dir| define_method(dir) { @formula.send(dir) } }
end

class Formula
  class << self
    attr_reader :said, :service_block, :test_block

    [:desc, :homepage, :version, :license, :url, :sha256].each do |word|
      define_method(word) do |value|
        @said ||= {}
        raise "#{word} is said twice" if @said.key?(word)

        @said[word] = value
      end
    end

    { on_macos: ["macos", 0], on_linux: ["linux", 0], on_arm: ["arm", 1], on_intel: ["intel", 1] }.each do |word, (name, at)|
      define_method(word) { |&block| block.call if ARGUMENTS[at] == name }
    end

    def service(&block) = @service_block = block

    def test(&block) = @test_block = block
  end

  PREFIX = Pathname(COMMAND == "info" ? "/prefix" : ARGUMENTS[0])

  def bin = PREFIX/"bin"
  def opt_bin = PREFIX/"opt/xs/bin"
  def var = PREFIX/"var"
  def man1 = PREFIX/"share/man/man1"
  def pkgshare = PREFIX/"share/xs"
  def bash_completion = PREFIX/"etc/bash_completion.d"
  def zsh_completion = PREFIX/"share/zsh/site-functions"
  def fish_completion = PREFIX/"share/fish/vendor_completions.d"
  def testpath = Pathname(ARGUMENTS[1])
  def version = self.class.said[:version]

  def shell_output(command, expected = 0)
    output, status = Open3.capture2(command)
    raise "#{command} ended with #{status.exitstatus}" unless status.exitstatus == expected

    output
  end

  def pipe_output(command, input = nil, expected = nil)
    output, status = Open3.capture2(command, stdin_data: input.to_s)
    raise "#{command} ended with #{status.exitstatus}" unless expected.nil? || status.exitstatus == expected

    output
  end

  def quiet_system(*command) = system(*command.map(&:to_s), out: File::NULL, err: File::NULL)

  def assert_equal(expected, actual)
    raise "#{actual.inspect} is not #{expected.inspect}" unless expected == actual
  end

  def assert_match(expected, actual)
    raise "#{actual.inspect} does not match #{expected.inspect}" unless actual.match?(expected.is_a?(String) ? Regexp.escape(expected) : expected)
  end
end

load FORMULA
formula = Xs.new

case COMMAND
when "info"
  service = Service.new(formula)
  service.instance_eval(&Xs.service_block)
  puts JSON.generate(Xs.said.merge(caveats: formula.caveats, service: service.said))
when "install" then formula.install
when "test" then formula.instance_eval(&Xs.test_block)
else raise "no command #{COMMAND}"
end
